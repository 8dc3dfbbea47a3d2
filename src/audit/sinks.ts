import pino from 'pino'
import { TollgateError } from '../errors/tollgate-error.ts'

/** Receives audit records after they were kept. */
export type AuditSink = { write(record: string, hash: string): void; close(): Promise<void> }

const STANDARD_ERROR = { dest: 2, sync: true }

/** Resolves when the file is open. Throws CONFIG_STATE_UNUSABLE. */
async function openFile(path: string): Promise<ReturnType<typeof pino.destination>> {
  const stream = pino.destination({ dest: path, append: true, mkdir: true, sync: false })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  stream.once('ready', resolve)
  stream.once('error', reject)
  try {
    await promise
    return stream
  } catch (cause) {
    stream.destroy()
    throw new TollgateError('CONFIG_STATE_UNUSABLE', `The audit log ${path} cannot be written.`, { cause })
  }
}

/**
 * A pino transport for audit records: one JSON line each, appended to a file, or to standard error. The chain in the store is
 * the record; this is a copy for those who follow, so when it fails later, the process is warned once and the runs go on.
 */
export async function openAuditSink(destination: string): Promise<AuditSink> {
  const isFile = destination !== 'stderr'
  const stream = isFile ? await openFile(destination) : pino.destination(STANDARD_ERROR)
  const logger = pino(
    { base: null, timestamp: false, level: 'info', formatters: { level: (level) => ({ level }) } },
    stream,
  )
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  let failed = false
  stream.on('error', (error: Error) => {
    if (!failed) process.emitWarning(`The audit log cannot be written: ${error.message}`, 'TollgateWarning')
    failed = true
    end()
  })
  stream.once('close', () => end())
  return {
    write(record, hash) {
      if (!failed) logger.info({ ...(JSON.parse(record) as object), hash })
    },
    async close() {
      if (!isFile) return
      if (!failed) stream.end()
      await ended
    },
  }
}
