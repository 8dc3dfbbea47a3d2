import { showDifference } from './difference.ts'
import type { DiskTree } from './disk-tree.ts'
import { existsError, kindError, missingError, tooMany, totalError } from './file-errors.ts'
import { bytesQuota, filesQuota, tooLarge } from './judge.ts'
import type { Mount } from './mount.ts'
import { contentOf, manifestOf, type Change, type Content, type Manifest } from './staged-change.ts'
import type { Draw, Found, Member, Tree } from './tree.ts'

type Names = readonly string[]
/** What stood on the disk when it was first read or changed; `bytes` where they are kept to show the difference. */
type Base = Content & { readonly bytes?: Uint8Array | undefined }
type StagedFile = { readonly kind: 'file'; readonly bytes: Uint8Array; readonly base: Base | undefined }
type Staged =
  | StagedFile
  | { readonly kind: 'folder' }
  | { readonly kind: 'gone'; readonly was: 'folder' }
  | { readonly kind: 'gone'; readonly was: 'file'; readonly base: Base }

/** What is kept of files on the disk to show the difference: of one, and of all. */
const SHOWN_FILE_BYTES_MAX = 64 * 1024
const SHOWN_TOTAL_BYTES_MAX = 1024 * 1024

const keyOf = (names: Names): string => names.join('/')
const namesOf = (key: string): Names => key.split('/')
const undrawn: Draw = () => undefined
const kindOf = (one: Staged): 'file' | 'folder' => (one.kind === 'gone' ? one.was : one.kind)

/**
 * A folder of the host with the changes of one run upon it, which stay in memory: nothing below is changed. A name keeps its kind:
 * where a file was removed no folder is made, and the other way round, so that a commit does one thing at each place.
 */
export class OverlayTree implements Tree {
  /** What is on the disk. */
  readonly lower: DiskTree
  readonly #mount: Mount
  readonly #staged = new Map<string, Staged>()
  /** What was read from the disk, by path. */
  readonly #read = new Map<string, Content>()
  #heldBytes = 0
  #shownBytes = 0

  constructor(mount: Mount, lower: DiskTree) {
    this.#mount = mount
    this.lower = lower
  }

  async find(names: Names): Promise<Found | undefined> {
    const one = this.#at(names)
    if (one === undefined) return this.lower.find(names)
    if (one.kind === 'gone') return undefined
    return { kind: one.kind, sizeBytes: one.kind === 'file' ? one.bytes.length : 0, modifiedMs: 0 }
  }

  async read(names: Names, draw: Draw): Promise<Uint8Array> {
    const one = this.#at(names)
    if (one === undefined) {
      const bytes = await this.lower.read(names, draw)
      if (!this.#read.has(keyOf(names))) this.#read.set(keyOf(names), contentOf(bytes))
      return bytes
    }
    if (one.kind === 'gone') throw missingError()
    if (one.kind === 'folder') throw kindError('What is there is no regular file.')
    draw(bytesQuota(this.#mount, 'read', one.bytes.length))
    return one.bytes
  }

  async *members(names: Names): AsyncGenerator<Member> {
    const one = this.#at(names)
    if (one?.kind === 'gone') throw missingError()
    if (one?.kind === 'file') throw kindError('What is there is no folder.')
    const depth = names.length
    const ours = new Map(
      [...this.#staged]
        .map(([key, staged]) => [namesOf(key), staged] as const)
        .filter(([below]) => below.length === depth + 1 && names.every((name, at) => below[at] === name))
        .map(([below, staged]) => [below[depth] ?? '', staged]),
    )
    if (one === undefined)
      for await (const member of this.lower.members(names)) if (!ours.has(member.name)) yield member
    for (const [name, staged] of ours) {
      if (staged.kind === 'gone') continue
      yield { name, kind: staged.kind, sizeBytes: staged.kind === 'file' ? staged.bytes.length : 0 }
    }
  }

  async write(names: Names, bytes: Uint8Array, draw: Draw): Promise<void> {
    await this.#put(names, () => bytes, draw)
  }

  async append(names: Names, bytes: Uint8Array, draw: Draw): Promise<void> {
    await this.#put(names, (held) => Buffer.concat([held, bytes]), draw)
  }

  async remove(names: Names): Promise<void> {
    const found = await this.find(names)
    if (found === undefined) throw missingError()
    const key = keyOf(names)
    const one = this.#staged.get(key)
    if (found.kind === 'other') throw kindError('What is there is no regular file and no folder.')
    if (found.kind === 'folder') {
      for await (const _ of this.members(names)) throw existsError('The folder is not empty.')
      return this.#set(key, one === undefined ? { kind: 'gone', was: 'folder' } : undefined)
    }
    const base = one?.kind === 'file' ? one.base : (await this.#load(names)).base
    this.#set(key, base && { kind: 'gone', was: 'file', base })
  }

  async rename(from: Names, to: Names): Promise<void> {
    const found = await this.find(from)
    if (found === undefined) throw missingError()
    if (found.kind !== 'file') throw kindError('What is there is no regular file.')
    await this.#assertFolder(to.slice(0, -1))
    if ((await this.find(to)) !== undefined) throw existsError('The new name is taken.')
    const target = this.#staged.get(keyOf(to))
    this.#assertKind(target, 'file')
    const { bytes } = await this.#load(from)
    const base = target?.kind === 'gone' && target.was === 'file' ? target.base : undefined
    const before = this.#staged.get(keyOf(from))
    await this.remove(from)
    try {
      this.#set(keyOf(to), { kind: 'file', bytes, base })
    } catch (error) {
      this.#set(keyOf(from), before)
      throw error
    }
  }

  async makeFolder(names: Names, draw: Draw): Promise<void> {
    for (const [index] of names.entries()) {
      const upTo = names.slice(0, index + 1)
      const found = await this.find(upTo)
      if (found?.kind === 'folder') continue
      if (found !== undefined) throw kindError('A name on the path is no folder.')
      const one = this.#staged.get(keyOf(upTo))
      this.#assertKind(one, 'folder')
      draw(filesQuota(this.#mount, 1))
      this.#set(keyOf(upTo), one === undefined ? { kind: 'folder' } : undefined)
    }
  }

  close(): void {
    this.#staged.clear()
    this.lower.close()
  }

  /** What a commit is to do, in the order in which it does it: folders from the outside in, files, removals from the inside out. */
  changes(): readonly Change[] {
    const all = [...this.#staged].map(([path, one]) => changeOf(path, one))
    const depth = ({ path, verb }: Change): number => {
      const deep = namesOf(path).length
      return verb === 'make_folder' ? deep - 1000 : verb === 'remove_folder' ? 1000 - deep : 0
    }
    const isLast = ({ verb }: Change): number => (verb === 'remove' || verb === 'remove_folder' ? 1 : 0)
    return all.sort(
      (a, b) =>
        isLast(a) - isLast(b) || depth(a) - depth(b) || (a.path < b.path ? -1 : a.path > b.path ? 1 : 0),
    )
  }

  /** The bytes of a file that is to be written. */
  contentAt(path: string): Uint8Array {
    const one = this.#staged.get(path)
    return one?.kind === 'file' ? one.bytes : new Uint8Array()
  }

  manifest(): Manifest {
    return manifestOf(this.#mount.path, this.changes(), ({ path }) => {
      const one = this.#staged.get(path)
      if (one?.kind !== 'file' && !(one?.kind === 'gone' && one.was === 'file')) return undefined
      if (one.base !== undefined && one.base.bytes === undefined) return undefined
      return showDifference(one.base?.bytes, one.kind === 'file' ? one.bytes : undefined)
    })
  }

  async #put(names: Names, change: (held: Uint8Array) => Uint8Array, draw: Draw): Promise<void> {
    await this.#assertFolder(names.slice(0, -1))
    const found = await this.find(names)
    if (found !== undefined && found.kind !== 'file') throw kindError('What is there is no regular file.')
    const key = keyOf(names)
    const one = this.#staged.get(key)
    this.#assertKind(one, 'file')
    const { bytes: held, base } = found === undefined ? NOTHING : await this.#load(names)
    const bytes = change(held)
    if (bytes.length > this.#mount.fileBytesMax) throw tooLarge(this.#mount, bytes.length)
    if (found === undefined) draw(filesQuota(this.#mount, 1))
    const before = one?.kind === 'gone' && one.was === 'file' ? one.base : base
    this.#set(key, { kind: 'file', bytes, base: before })
  }

  /** A file as the run sees it, with what stands on the disk: as it was first read, where it was. */
  async #load(names: Names): Promise<{ bytes: Uint8Array; base: Base | undefined }> {
    const one = this.#at(names)
    if (one?.kind === 'file') return one
    const bytes = await this.lower.read(names, undrawn)
    const content = contentOf(bytes)
    const first = this.#read.get(keyOf(names)) ?? content
    const isKept =
      first.sha256 === content.sha256 &&
      bytes.length <= SHOWN_FILE_BYTES_MAX &&
      this.#shownBytes + bytes.length <= SHOWN_TOTAL_BYTES_MAX
    if (isKept) this.#shownBytes += bytes.length
    return { bytes, base: { ...first, ...(isKept && { bytes }) } }
  }

  async #assertFolder(names: Names): Promise<void> {
    const found = await this.find(names)
    if (found === undefined) throw missingError()
    if (found.kind !== 'folder') throw kindError('A name on the path is no folder.')
  }

  #assertKind(one: Staged | undefined, kind: 'file' | 'folder'): void {
    if (one !== undefined && kindOf(one) !== kind)
      throw existsError('The name was of another kind in this run, and keeps it until the run is over.')
  }

  /** What was staged at a place or above it. A file that stands in the way, or a folder that is gone, hides what is below. */
  #at(names: Names): Staged | undefined {
    for (let length = 1; length < names.length; length += 1) {
      const above = this.#staged.get(keyOf(names.slice(0, length)))
      if (above?.kind === 'file' || (above?.kind === 'gone' && above.was === 'file'))
        throw kindError('A name on the path is no folder.')
      if (above?.kind === 'gone') return above
    }
    return this.#staged.get(keyOf(names))
  }

  #set(key: string, next: Staged | undefined): void {
    const before = this.#staged.get(key)
    const sizeOf = (one: Staged | undefined): number => (one?.kind === 'file' ? one.bytes.length : 0)
    const held = this.#heldBytes - sizeOf(before) + sizeOf(next)
    if (held > this.#mount.totalBytesMax) throw totalError(this.#mount)
    if (next !== undefined && before === undefined && this.#staged.size >= this.#mount.filesMax)
      throw tooMany(this.#mount, 'make')
    this.#heldBytes = held
    if (next === undefined) this.#staged.delete(key)
    else this.#staged.set(key, next)
  }
}

const NOTHING = { bytes: new Uint8Array(), base: undefined }

/** A base without the bytes that were kept of it. */
const contentOnly = ({ sizeBytes, sha256 }: Base): Content => ({ sizeBytes, sha256 })

function changeOf(path: string, one: Staged): Change {
  if (one.kind === 'folder') return { path, verb: 'make_folder' }
  if (one.kind === 'file') {
    const content = contentOf(one.bytes)
    if (one.base === undefined) return { path, verb: 'create', content }
    return { path, verb: 'replace', content, base: contentOnly(one.base) }
  }
  if (one.was === 'folder') return { path, verb: 'remove_folder' }
  return { path, verb: 'remove', base: contentOnly(one.base) }
}
