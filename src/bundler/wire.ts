/** What is asked of the process that bundles: one question on its standard input, one answer on its standard output. */

export type BundleQuestion = {
  /** Real path of the tool, as of when it was read. */
  readonly file: string
  /** Its text as it was read, made a module. */
  readonly text: string
  /** Plain JavaScript. */
  readonly isScript: boolean
}

/** Why a tool cannot be bundled; the texts name files as the tool's author sees them, never as the host does. */
export type BundleFault = {
  readonly fault: 'import' | 'syntax' | 'size'
  readonly message: string
  readonly hint: string
}

/** A tool and all that it imports as one module, and where each piece of it came from: see positions.ts. */
export type BundleParts = {
  readonly module: string
  readonly sources: readonly string[]
  readonly positions: Uint32Array
}

/** Files that a bundle may be made of, and their size together. */
export const SOURCES_MAX = 10_000
/** See {@link SOURCES_MAX}. */
export const SOURCES_BYTES_MAX = 24 * 1024 * 1024
/** A longer answer is no answer. */
export const ANSWER_BYTES_MAX = 128 * 1024 * 1024

type Header =
  | BundleFault
  | { readonly moduleBytes: number; readonly sources: readonly string[]; readonly entries: number }

const LENGTH_BYTES = 4

/** The answer as bytes: the length of a header, the header as JSON, the module, the positions. */
export function encodeAnswer(answer: BundleParts | BundleFault): Buffer {
  const isFault = 'fault' in answer
  const module = Buffer.from(isFault ? '' : answer.module)
  const positions = isFault
    ? Buffer.alloc(0)
    : Buffer.from(answer.positions.buffer, answer.positions.byteOffset, answer.positions.byteLength)
  const header: Header = isFault
    ? answer
    : { moduleBytes: module.length, sources: answer.sources, entries: answer.positions.length }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32LE(json.length)
  return Buffer.concat([length, json, module, positions])
}

function parseHeader(json: string): Header | undefined {
  try {
    return JSON.parse(json) as Header
  } catch {
    return undefined
  }
}

/** The reverse. Undefined for bytes that are no whole answer. */
export function decodeAnswer(bytes: Buffer): BundleParts | BundleFault | undefined {
  if (bytes.length < LENGTH_BYTES) return undefined
  const start = LENGTH_BYTES + bytes.readUInt32LE(0)
  if (bytes.length < start) return undefined
  const header = parseHeader(bytes.toString('utf8', LENGTH_BYTES, start))
  if (header === undefined) return undefined
  if ('fault' in header) return header
  const end = start + header.moduleBytes
  const rest = bytes.subarray(end)
  if (rest.length !== header.entries * Uint32Array.BYTES_PER_ELEMENT) return undefined
  // An array of numbers begins at a multiple of their size.
  const positions = new Uint32Array(rest.buffer.slice(rest.byteOffset, rest.byteOffset + rest.length))
  return { module: bytes.toString('utf8', start, end), sources: header.sources, positions }
}
