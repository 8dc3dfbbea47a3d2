import { TollgateError } from '../../errors/tollgate-error.ts'
import type { TaskPort } from '../ports.ts'
import type { Database } from './database.ts'

/** Tasks in SQLite: their ledgers, and who may draw on them. */
export function taskPort(database: Database): TaskPort {
  return {
    acquire: (principal, task, owner, nowMs, leaseMs) =>
      database.transaction('kept', () => {
        const row = database
          .sql('SELECT owner, until_ms, ledger FROM tasks WHERE principal = ? AND task = ?')
          .get(principal, task) as
          { owner: string | null; until_ms: number; ledger: string | null } | undefined
        if (row?.owner && row.owner !== owner && row.until_ms > nowMs) {
          throw new TollgateError(
            'LIMIT_TASK_BUSY',
            `Another process runs the task ${JSON.stringify(task)}.`,
            { gate: 'reserve' },
          )
        }
        database
          .sql(
            'INSERT INTO tasks (principal, task, owner, until_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET owner = excluded.owner, until_ms = excluded.until_ms',
          )
          .run(principal, task, owner, nowMs + leaseMs)
        return row?.ledger ?? undefined
      }),
    save(principal, task, owner, ledger, untilMs) {
      database.transaction('kept', () => {
        const { changes } = database
          .sql('UPDATE tasks SET ledger = ?, until_ms = ? WHERE principal = ? AND task = ? AND owner = ?')
          .run(ledger, untilMs, principal, task, owner)
        if (changes !== 1)
          throw new TollgateError(
            'LIMIT_TASK_BUSY',
            `The lease of the task ${JSON.stringify(task)} was lost.`,
            { gate: 'reserve' },
          )
      })
    },
    release(principal, task, owner, ledger) {
      database.transaction('kept', () => {
        database
          .sql(
            'UPDATE tasks SET ledger = ?, owner = NULL, until_ms = 0 WHERE principal = ? AND task = ? AND owner = ?',
          )
          .run(ledger, principal, task, owner)
      })
    },
  }
}
