import { existsError, kindError, missingError, tooMany, totalError } from './file-errors.ts'
import { tooLarge } from './judge.ts'
import type { Mount } from './mount.ts'
import type { Found, Member, Tree } from './tree.ts'

type Names = readonly string[]
type MemoryFile = { readonly bytes: Uint8Array; readonly modifiedMs: number }
type Folder = Map<string, MemoryFile | Folder>

const isFolder = (one: MemoryFile | Folder | undefined): one is Folder => one instanceof Map

/** A scratch mount: files in the memory of the host, bounded in bytes and number, gone with the run. */
export class MemoryTree implements Tree {
  readonly #mount: Mount
  readonly #root: Folder = new Map()
  #bytes = 0
  #made = 0

  constructor(mount: Mount) {
    this.#mount = mount
  }

  async find(names: Names): Promise<Found | undefined> {
    return foundOf(this.#at(names))
  }

  async read(names: Names): Promise<Uint8Array> {
    const file = this.#at(names)
    if (file === undefined) throw missingError()
    if (isFolder(file)) throw kindError('What is there is no regular file.')
    return file.bytes
  }

  async *members(names: Names): AsyncGenerator<Member> {
    const folder = this.#at(names)
    if (folder === undefined) throw missingError()
    if (!isFolder(folder)) throw kindError('What is there is no folder.')
    for (const [name, one] of folder) yield { name, kind: 'other', sizeBytes: 0, ...foundOf(one) }
  }

  async write(names: Names, bytes: Uint8Array): Promise<void> {
    this.#put(names, bytes)
  }

  async append(names: Names, bytes: Uint8Array): Promise<void> {
    const before = this.#at(names)
    this.#put(names, before === undefined || isFolder(before) ? bytes : Buffer.concat([before.bytes, bytes]))
  }

  async remove(names: Names): Promise<void> {
    const [folder, name] = this.#placeOf(names)
    const one = folder.get(name)
    if (one === undefined) throw missingError()
    if (isFolder(one) && one.size > 0) throw existsError('The folder is not empty.')
    folder.delete(name)
    this.#made -= 1
    if (!isFolder(one)) this.#bytes -= one.bytes.length
  }

  async rename(from: Names, to: Names): Promise<void> {
    const [folder, name] = this.#placeOf(from)
    const [target, newName] = this.#placeOf(to)
    const file = folder.get(name)
    if (file === undefined) throw missingError()
    if (isFolder(file)) throw kindError('What is there is no regular file.')
    if (target.has(newName)) throw existsError('The new name is taken.')
    folder.delete(name)
    target.set(newName, file)
  }

  async makeFolder(names: Names): Promise<void> {
    let folder = this.#root
    for (const name of names) {
      let inner = folder.get(name)
      if (inner === undefined) {
        this.#count()
        inner = new Map()
        folder.set(name, inner)
      }
      if (!isFolder(inner)) throw kindError('A name on the path is a file.')
      folder = inner
    }
  }

  close(): void {
    this.#root.clear()
  }

  #put(names: Names, bytes: Uint8Array): void {
    const { fileBytesMax, totalBytesMax } = this.#mount
    if (bytes.length > fileBytesMax) throw tooLarge(this.#mount, bytes.length)
    const [folder, name] = this.#placeOf(names)
    const before = folder.get(name)
    if (isFolder(before)) throw kindError('What is there is a folder.')
    const total = this.#bytes - (before?.bytes.length ?? 0) + bytes.length
    if (total > totalBytesMax) throw totalError(this.#mount)
    if (before === undefined) this.#count()
    this.#bytes = total
    folder.set(name, { bytes, modifiedMs: 0 })
  }

  #count(): void {
    if (this.#made >= this.#mount.filesMax) throw tooMany(this.#mount, 'make')
    this.#made += 1
  }

  #at(names: Names): MemoryFile | Folder | undefined {
    return names.reduce<MemoryFile | Folder | undefined>(
      (at, name) => (isFolder(at) ? at.get(name) : undefined),
      this.#root,
    )
  }

  #placeOf(names: Names): readonly [Folder, string] {
    const folder = this.#at(names.slice(0, -1))
    if (folder === undefined) throw missingError()
    if (!isFolder(folder)) throw kindError('A name on the path is a file.')
    return [folder, names.at(-1) ?? '']
  }
}

const foundOf = (one: MemoryFile | Folder | undefined): Found | undefined => {
  if (one === undefined) return undefined
  return isFolder(one)
    ? { kind: 'folder', sizeBytes: 0, modifiedMs: 0 }
    : { kind: 'file', sizeBytes: one.bytes.length, modifiedMs: one.modifiedMs }
}
