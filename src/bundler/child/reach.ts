import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
} from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { SOURCES_BYTES_MAX, SOURCES_MAX } from '../wire.ts'

const PACKAGES = 'node_modules'

/** Whether a path lies in a folder, by its text alone. */
const isBeneath = (path: string, folder: string): boolean =>
  path.startsWith(folder.endsWith(sep) ? folder : folder + sep)

/** Folders of packages from here upward, as Node looks for them; each must really be one, whatever a link is called. */
const packagesAbove = (folder: string): readonly string[] => {
  const here = join(folder, PACKAGES)
  const isThere = statSync(here, { throwIfNoEntry: false })?.isDirectory() === true
  const found = isThere ? realpathSync(here) : undefined
  const own = found?.endsWith(sep + PACKAGES) === true ? [found] : []
  const above = dirname(folder)
  return above === folder ? own : [...own, ...packagesAbove(above)]
}

/**
 * What a tool may take in: files beneath its own folder, hidden ones left out, and files of the packages that are installed there
 * or above. Judged by the real path of the file that is open, so that no link leads out, and none that is put there meanwhile.
 */
export class Reach {
  readonly folder: string
  readonly #packages: readonly string[]
  #files = 0
  #bytes = 0
  /** It is all too much: what was read is more than a bundle may be made of. */
  isSpent = false

  /** `folder` is a real path. */
  constructor(folder: string) {
    this.folder = folder
    this.#packages = packagesAbove(folder)
  }

  /** The name of a file for the tool's author, by its path; undefined for one that is out of reach. */
  nameOf(path: string): string | undefined {
    const above = this.#packages.findIndex((folder) => isBeneath(path, folder))
    const installed = this.#packages[above]
    // One further up may hold a package of the same name.
    if (installed !== undefined) return join('../'.repeat(above), PACKAGES, relative(installed, path))
    if (!isBeneath(path, this.folder)) return undefined
    const name = relative(this.folder, path)
    return name.split(sep).some((part) => part.startsWith('.')) ? undefined : name
  }

  /** Reads a regular file that is in reach; undefined for anything else. Never throws: errors of the system name paths of the host. */
  read(path: string): string | undefined {
    try {
      // Without O_NONBLOCK a pipe would hold the process until somebody writes to it.
      return this.#readOpen(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK))
    } catch {
      return undefined
    }
  }

  #readOpen(descriptor: number): string | undefined {
    try {
      const stats = fstatSync(descriptor)
      const real = readlinkSync(`/proc/self/fd/${descriptor}`)
      if (!stats.isFile() || this.nameOf(real) === undefined) return undefined
      this.#files += 1
      this.#bytes += stats.size
      this.isSpent ||= this.#files > SOURCES_MAX || this.#bytes > SOURCES_BYTES_MAX
      return this.isSpent ? undefined : readFileSync(descriptor, 'utf8')
    } finally {
      closeSync(descriptor)
    }
  }
}
