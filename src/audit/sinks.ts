import pino from 'pino'

/** Receives audit records after they were kept. */
export type AuditSink = { write(record: string, hash: string): void; close(): Promise<void> }

/**
 * A pino transport for audit records: one JSON line each, appended to a file, or to standard error. The chain in the store is
 * the record; this is a copy for those who follow.
 */
export function openAuditSink(destination: string): AuditSink {
  const stream = pino.destination(
    destination === 'stderr'
      ? { dest: 2, sync: true }
      : { dest: destination, append: true, mkdir: true, sync: false },
  )
  const logger = pino(
    { base: null, timestamp: false, level: 'info', formatters: { level: () => ({}) } },
    stream,
  )
  return {
    write: (record, hash) => logger.info({ ...(JSON.parse(record) as object), hash }),
    close: () =>
      new Promise((resolve) => {
        if (destination === 'stderr') return resolve()
        stream.on('close', () => resolve())
        stream.end()
      }),
  }
}
