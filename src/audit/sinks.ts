import { createRequire } from 'node:module'
import type Pino from 'pino'

const require = createRequire(import.meta.url)

/** Receives audit records after they were kept. */
export type AuditSink = { write(record: string, hash: string): void; close(): Promise<void> }

/** Descriptor of standard error, which is written at once and never closed. */
export const STDERR_DESCRIPTOR = 2

/**
 * A pino transport for audit records, over an open file that it closes at the end: one JSON line each. The chain in the store is
 * the record; this is a copy for those who follow, so when it cannot be written, the process is warned once and the runs go on.
 */
export function openAuditSink(descriptor: number): AuditSink {
  const isOwn = descriptor !== STDERR_DESCRIPTOR
  // Loaded here, for most processes follow no audit.
  const pino = require('pino') as typeof Pino
  const stream = pino.destination({ dest: descriptor, sync: !isOwn })
  const logger = pino(
    { base: null, timestamp: false, level: 'info', formatters: { level: (level) => ({ level }) } },
    stream,
  )
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  let failed = false
  stream.on('error', (error: Error) => {
    if (!failed) process.emitWarning(`The audit log cannot be written: ${error.message}`, 'TollgateWarning')
    failed = true
    stream.destroy()
  })
  stream.once('close', () => end())
  return {
    write(record, hash) {
      if (!failed) logger.info({ ...(JSON.parse(record) as object), hash })
    },
    async close() {
      if (!isOwn) return
      if (!failed) stream.end()
      await ended
    },
  }
}
