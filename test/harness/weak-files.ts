/** Weaker powers over files, for negative controls. */
import { constants, openSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createFilePowers, type FilePowers } from '../../src/run/file-powers.ts'

/** The real powers with some replaced. */
export const filePowers = (change: (real: FilePowers) => Partial<FilePowers> = () => ({})): FilePowers => {
  const real = createFilePowers()
  return { ...real, ...change(real) }
}

/**
 * What many programs do: ask where a path leads, and when it leads beneath the root, open it by its name. `between` happens
 * after the question.
 */
export const realpathThenOpen = (between: () => void): FilePowers => {
  const places = new Map<number, string>()
  let root = ''
  const check = (path: string): string => {
    if (!`${realpathSync(path)}/`.startsWith(`${root}/`))
      throw Object.assign(new Error('outside'), { code: 'ELOOP' })
    return path
  }
  return filePowers((real) => ({
    openRoot(path) {
      root = realpathSync(path)
      const descriptor = real.openRoot(path)
      places.set(descriptor, root)
      return descriptor
    },
    openFolder(at, name) {
      const path = check(join(places.get(at) ?? '', name))
      const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
      places.set(descriptor, path)
      return descriptor
    },
    factsAt(at, name) {
      const stats = statSync(check(join(places.get(at) ?? '', name)))
      return {
        kind: stats.isFile() ? 'file' : 'other',
        sizeBytes: stats.size,
        modifiedMs: 0,
        links: stats.nlink,
        device: stats.dev,
        inode: stats.ino,
      }
    },
    openFile(at, name) {
      const path = check(join(places.get(at) ?? '', name))
      between()
      return openSync(path, constants.O_RDONLY)
    },
  }))
}
