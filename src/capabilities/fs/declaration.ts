import type { Declaration, DeclaredMember } from '../capability.ts'
import { limitSentence, placeSentence } from './explain.ts'
import { isWritable, type Mount } from './mount.ts'

const TYPES = [
  `export interface FsEntry {
  readonly name: string
  readonly kind: 'file' | 'folder' | 'other'
  readonly sizeBytes?: number
}`,
  `export interface FsFacts {
  readonly kind: 'file' | 'folder'
  readonly sizeBytes?: number
  readonly modifiedMs: number
}`,
]

/** A text within a template literal type. */
const inTemplate = (text: string): string => text.replaceAll(/[\\`]|\$(?=\{)/gu, '\\$&')

const below = ({ path }: Mount): string => `\`${inTemplate(path)}/\${string}\``

const looking: readonly DeclaredMember[] = [
  { code: 'readText<const Path extends string>(path: Fits<Path, FsPath>): Promise<string>' },
  { code: 'read<const Path extends string>(path: Fits<Path, FsPath>): Promise<Uint8Array>' },
  {
    says: ['`/` lists the mounts.'],
    code: "list<const Path extends string>(path: Fits<Path, FsPath | '/'>): Promise<FsEntry[]>",
  },
  { code: 'stat<const Path extends string>(path: Fits<Path, FsPath>): Promise<FsFacts>' },
  { code: 'exists<const Path extends string>(path: Fits<Path, FsPath>): Promise<boolean>' },
  {
    says: ['Files whose path fits: *, ** and ?.'],
    code: 'glob<const Pattern extends string>(pattern: Fits<Pattern, FsPath>): Promise<string[]>',
  },
]

const changing: readonly DeclaredMember[] = [
  ...['write', 'append'].map((verb) => ({
    code: `${verb}<const Path extends string>(path: Fits<Path, FsWritablePath>, content: string | ArrayBuffer | ArrayBufferView, options?: CallOptions): Promise<null>`,
  })),
  ...['mkdir', 'remove'].map((verb) => ({
    code: `${verb}<const Path extends string>(path: Fits<Path, FsWritablePath>, options?: CallOptions): Promise<null>`,
  })),
  {
    says: ['Within one mount; what is there is not replaced.'],
    code: 'rename<const From extends string, const To extends string>(from: Fits<From, FsWritablePath>, to: Fits<To, FsWritablePath>, options?: CallOptions): Promise<null>',
  },
]

const ONLY: DeclaredMember = {
  code: 'only(caveats?: Caveats & { under?: string | readonly string[] }): Weaker<Fs>',
}

/** `fs` in TypeScript: only mounts that let a file be named, and what changes files only where one can be written. */
export function declareFs(mounts: readonly Mount[]): Declaration | undefined {
  const open = mounts.filter(({ globs }) => globs?.length !== 0)
  if (open.length === 0) return undefined
  const writable = open.filter(isWritable)
  return {
    name: 'fs',
    says: open.flatMap((mount) => [placeSentence({ ...mount, source: undefined }), limitSentence(mount)]),
    members: [...looking, ...(writable.length === 0 ? [] : changing), ONLY],
    types: [
      ...TYPES,
      `export type FsPath = ${open.flatMap((mount) => [JSON.stringify(mount.path), below(mount)]).join(' | ')}`,
      ...(writable.length === 0 ? [] : [`export type FsWritablePath = ${writable.map(below).join(' | ')}`]),
    ],
  }
}
