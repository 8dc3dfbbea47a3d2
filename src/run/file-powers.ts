import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  fsync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  read,
  readlinkSync,
  renameSync,
  rmdirSync,
  statSync,
  unlinkSync,
  write,
  type Stats,
} from 'node:fs'
import { opendir } from 'node:fs/promises'
import { promisify } from 'node:util'

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_DIRECTORY, O_NONBLOCK } = constants

const CHUNK_BYTES = 64 * 1024
const readSome = promisify(read)
const writeSome = promisify(write)
const syncDescriptor = promisify(fsync)

/** A name in a folder that is open: Linux looks it up there, whatever the path of the folder is by now. */
const beneath = (at: number, name: string): string => `/proc/self/fd/${at}/${name}`

/** Which folder of the host is nobody's: the one that its state is in. */
type IsClosed = (stats: Stats) => boolean

const isClosedFor = (stateFolder: string | undefined): IsClosed => {
  const state = stateFolder === undefined ? undefined : statSync(stateFolder)
  return ({ dev, ino }) => state !== undefined && dev === state.dev && ino === state.ino
}

const factsOf = (stats: Stats, isClosed: IsClosed): FileFacts => ({
  kind: stats.isFile() ? 'file' : stats.isDirectory() && !isClosed(stats) ? 'folder' : 'other',
  sizeBytes: stats.size,
  modifiedMs: Math.floor(stats.mtimeMs),
  links: stats.nlink,
  device: stats.dev,
  inode: stats.ino,
})

/** Opens a folder. Throws as for a link where it is closed. */
function openedFolder(path: string, flags: number, isClosed: IsClosed): number {
  const descriptor = openSync(path, O_RDONLY | O_DIRECTORY | flags)
  if (!isClosed(fstatSync(descriptor))) return descriptor
  closeSync(descriptor)
  throw Object.assign(new Error('the state of the host is there'), { code: 'ELOOP' })
}

async function readBytes(descriptor: number, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let total = 0
  // One read more than the size tells of the end; a file that has grown is read on.
  let chunkBytes = Math.min(bytesMax, fstatSync(descriptor).size + 1)
  while (total < bytesMax) {
    const chunk = new Uint8Array(Math.min(bytesMax - total, chunkBytes))
    const { bytesRead } = await readSome(descriptor, chunk, 0, chunk.length, total)
    if (bytesRead === 0) break
    chunks.push(chunk.subarray(0, bytesRead))
    total += bytesRead
    chunkBytes = CHUNK_BYTES
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
}

async function writeBytes(descriptor: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await writeSome(descriptor, bytes, done, bytes.length - done, done)
    done += bytesWritten
  }
  await syncDescriptor(descriptor)
}

async function* namesIn(at: number): AsyncGenerator<string> {
  const folder = await opendir(`/proc/self/fd/${at}`)
  for await (const { name } of folder) yield name
}

/** The files of the host, one name at a time beneath open folders; `stateFolder` is none of them, wherever it lies. */
export const createFilePowers = (stateFolder?: string) => {
  const isClosed = isClosedFor(stateFolder)
  return Object.freeze({
    openRoot(path: string): number {
      if (!existsSync('/proc/self/fd'))
        throw Object.assign(new Error('no /proc/self/fd on this system'), { code: 'ENOSYS' })
      return openedFolder(path, 0, isClosed)
    },
    openFolder: (at: number, name: string): number => openedFolder(beneath(at, name), O_NOFOLLOW, isClosed),
    openFile: (at: number, name: string): number =>
      openSync(beneath(at, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
    createFile(at: number, name: string): number {
      const descriptor = openSync(beneath(at, name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
      fchmodSync(descriptor, 0o600)
      return descriptor
    },
    factsOf: (descriptor: number): FileFacts => factsOf(fstatSync(descriptor), isClosed),
    factsAt: (at: number, name: string): FileFacts => factsOf(lstatSync(beneath(at, name)), isClosed),
    read: readBytes,
    write: writeBytes,
    names: namesIn,
    makeFolder(at: number, name: string): void {
      mkdirSync(beneath(at, name), 0o700)
    },
    rename: (at: number, from: string, to: string): void => renameSync(beneath(at, from), beneath(at, to)),
    /** Replaces what stands there. */
    move: (at: number, from: string, toAt: number, to: string): void =>
      renameSync(beneath(at, from), beneath(toAt, to)),
    link: (at: number, from: string, toAt: number, to: string): void =>
      linkSync(beneath(at, from), beneath(toAt, to)),
    unlink: (at: number, name: string): void => unlinkSync(beneath(at, name)),
    removeFolder: (at: number, name: string): void => rmdirSync(beneath(at, name)),
    sync: (at: number): Promise<void> => syncDescriptor(at),
    close: (descriptor: number): void => closeSync(descriptor),
    placeOf: (at: number): string => readlinkSync(`/proc/self/fd/${at}`),
    randomName: (): string => randomBytes(16).toString('hex'),
  })
}

/** See {@link createFilePowers}. */
export type FilePowers = ReturnType<typeof createFilePowers>

/** As the filesystem capability reads it; told again here, so that the host stands without that folder. */
type FileFacts = {
  readonly kind: 'file' | 'folder' | 'other'
  readonly sizeBytes: number
  readonly modifiedMs: number
  readonly links: number
  readonly device: number
  readonly inode: number
}
