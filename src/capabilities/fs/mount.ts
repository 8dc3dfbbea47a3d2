import type { Ask } from '../capability.ts'
import { readGlob, type Glob } from './glob.ts'
import type { MountDocument } from './schema.ts'

export type MountMode = MountDocument['mode']

/** One mount, in the units that the code works with. Frozen. */
export type Mount = {
  readonly index: number
  /** `permissions.filesystem[0]`. */
  readonly rule: string
  /** `/in`. */
  readonly path: string
  readonly names: readonly string[]
  readonly mode: MountMode
  /** Folder of the host; undefined for scratch. */
  readonly source: string | undefined
  readonly globs: readonly Glob[] | undefined
  readonly fileBytesMax: number
  readonly totalBytesMax: number
  readonly filesMax: number
  readonly depthMax: number
  readonly ask: Ask | undefined
}

/** A folder as it is opened, and told to the operator: without the `./` that many write. */
const placeOf = (source: string, baseDirectory: string | undefined): string =>
  source.startsWith('/') || baseDirectory === undefined
    ? source
    : `${baseDirectory}/${source.replace(/^(?:\.\/+)+/, '')}`

/** Compiles a mount; a relative source stands under `baseDirectory`. */
export function compileMount(
  document: MountDocument,
  index: number,
  baseDirectory: string | undefined,
): Mount {
  const { path, mode, source, allow, max_file_kb, max_total_kb, max_files, max_depth, ask } = document
  const globs = allow?.map(readGlob).filter((one) => typeof one !== 'string')
  return Object.freeze<Mount>({
    index,
    rule: `permissions.filesystem[${index}]`,
    path,
    names: Object.freeze(path.slice(1).split('/')),
    mode,
    source: source === undefined ? undefined : placeOf(source, baseDirectory),
    globs: globs && Object.freeze(globs),
    fileBytesMax: Math.floor(max_file_kb * 1024),
    totalBytesMax: Math.floor(max_total_kb * 1024),
    filesMax: max_files,
    depthMax: max_depth,
    ask,
  })
}

/** Whether the mount lets a file of these names be read (and written, where its mode says so). */
export const allowsFile = ({ globs }: Mount, names: readonly string[]): boolean =>
  names.length > 0 && (globs === undefined || globs.some((glob) => glob.matches(names)))

/** Whether a folder of these names can hold a file that the mount allows; the mount itself always may be looked at. */
export const allowsFolder = ({ globs }: Mount, names: readonly string[]): boolean =>
  names.length === 0 || globs === undefined || globs.some((glob) => glob.reaches(names))

/** Whether something can be changed in it at all. */
export const isWritable = ({ mode }: Mount): boolean => mode !== 'read'
