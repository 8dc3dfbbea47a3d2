import type { KvPort } from '../ports.ts'
import type { Database } from './database.ts'

/** The values of principals in SQLite. The quota is counted in the transaction that puts, so no two puts share what is left. */
export function kvPort(database: Database): KvPort {
  return {
    get: (principal, key) =>
      database.reading(() => {
        const row = database
          .sql('SELECT value FROM kv WHERE principal = ? AND key = ?')
          .get(principal, key) as { value: string } | undefined
        return row?.value
      }),
    put: (principal, key, json, { bytesMax, keysMax }) =>
      database.transaction('kept', () => {
        const others = database
          .sql(
            'SELECT COUNT(*) AS keys, COALESCE(SUM(size_bytes), 0) AS bytes FROM kv WHERE principal = ? AND key <> ?',
          )
          .get(principal, key) as { keys: number; bytes: number }
        const sizeBytes = Buffer.byteLength(key) + Buffer.byteLength(json)
        if (others.bytes + sizeBytes > bytesMax) return 'bytes'
        if (others.keys + 1 > keysMax) return 'keys'
        database
          .sql(
            'INSERT INTO kv (principal, key, value, size_bytes) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, size_bytes = excluded.size_bytes',
          )
          .run(principal, key, json, sizeBytes)
        return 'kept'
      }),
    delete: (principal, key) =>
      database.transaction(
        'kept',
        () =>
          Number(database.sql('DELETE FROM kv WHERE principal = ? AND key = ?').run(principal, key).changes) >
          0,
      ),
    list: (principal, prefix, after, limit) =>
      database.reading(() => {
        const rows = database
          .sql(
            'SELECT key FROM kv WHERE principal = ? AND key >= ? AND key > ? AND substr(key, 1, length(?)) = ? ORDER BY key LIMIT ?',
          )
          .all(principal, prefix, after, prefix, prefix, limit) as { key: string }[]
        return rows.map(({ key }) => key)
      }),
  }
}
