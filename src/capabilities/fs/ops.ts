import * as z from 'zod'
import { manifestSchema, type Manifest } from './staged-change.ts'

const path = z.string().max(8192)
const body = z.union([
  z.strictObject({ text: z.string() }),
  z.strictObject({ base64: z.base64('must be base64 with padding') }),
])
const place = z.strictObject({ path })
const content = z.strictObject({ path, body })

/** Wire arguments of each op that only looks. */
export const READING_OPS = {
  'fs.read': z.strictObject({ path, as: z.enum(['text', 'base64']).default('text') }),
  'fs.list': place,
  'fs.stat': place,
  'fs.exists': place,
  'fs.glob': z.strictObject({ pattern: path }),
} as const

/** Wire arguments of each op that changes something; granted where a mount can be written. */
export const WRITING_OPS = {
  'fs.write': content,
  'fs.append': content,
  'fs.mkdir': place,
  'fs.remove': place,
  'fs.rename': z.strictObject({ from: path, to: path }),
} as const

/** What the host alone calls, when a run has succeeded: the commit of an overlay mount. */
export const HOST_OPS = { 'fs.commit': manifestSchema } as const

export type HostOp = keyof typeof HOST_OPS
export type ReadingOp = keyof typeof READING_OPS
export type WritingOp = keyof typeof WRITING_OPS
export type FsOp = ReadingOp | WritingOp

/** What any of the ops may be asked. */
export type FsArguments = {
  readonly path?: string
  readonly pattern?: string
  readonly as?: 'text' | 'base64'
  readonly from?: string
  readonly to?: string
  readonly body?: FileBody
}

export type FileBody = z.output<typeof body>

/** What is judged, approved (by digest) and performed: one frozen object of JSON data. */
export type FsRequest = {
  /** Position in `permissions.filesystem`; -1 for `/`, which lists the mounts. */
  readonly mount: number
  /** Absolute, as the guest sees it. Of a glob: its pattern. */
  readonly path: string
  /** Where a rename goes: another path of the same mount. */
  readonly to?: string
  readonly as?: 'text' | 'base64'
  readonly body?: FileBody
  /** Bytes of the body. */
  readonly sizeBytes?: number
  /** What a commit commits. */
  readonly manifest?: Manifest
}

/** An entry of a listing. `other`: what is no regular file and no folder, or has a name that no path can say. */
export type FileEntry = {
  readonly name: string
  readonly kind: 'file' | 'folder' | 'other'
  readonly sizeBytes?: number
}
