import { readFile } from 'node:fs/promises'
import { TollgateError } from '../../index.ts'
import { assertReadable, unreadable } from './readable-file.ts'

/** Read from a pipe at most; the library's own bound of an input is tighter. */
const STDIN_BYTES_MAX = 16 * 1024 * 1024

/**
 * The input of a run from its option: JSON text, `@FILE`, or `-` for stdin; absent means null. Throws CONFIG_INPUT_INVALID for
 * what is not one JSON value and CONFIG_FILE_UNREADABLE for a file that cannot be read.
 */
export const readInput = async (option: string | undefined): Promise<unknown> => {
  if (option === undefined) return null
  if (option === '-') return parseJson(await readAll(process.stdin), 'stdin')
  if (option.startsWith('@')) return parseJson(await readText(option.slice(1)), option.slice(1))
  return parseJson(option, '--input')
}

const readText = async (path: string): Promise<string> => {
  await assertReadable('input file', path)
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw unreadable('input file', path, cause)
  }
}

const readAll = async (stream: AsyncIterable<Buffer | string>): Promise<string> => {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream) {
    const buffer = Buffer.from(chunk)
    bytes += buffer.length
    if (bytes > STDIN_BYTES_MAX)
      throw new TollgateError('CONFIG_INPUT_INVALID', `stdin holds more than ${STDIN_BYTES_MAX} bytes.`)
    chunks.push(buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const parseJson = (text: string, from: string): unknown => {
  try {
    return JSON.parse(text.replace(/^\ufeff/, '')) as unknown
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new TollgateError('CONFIG_INPUT_INVALID', `The input from ${from} is not JSON: ${why}`, { cause })
  }
}
