import { asFileError, errnoOf, existsError, kindError, sourceError } from './file-errors.ts'
import { filesQuota, bytesQuota, tooLarge } from './judge.ts'
import type { Mount } from './mount.ts'
import { TEMPORARY_PREFIX } from './path.ts'
import type { FileFacts, FilePowers } from './powers.ts'
import { RootFolder } from './root-folder.ts'
import type { Draw, Found, Member, Tree } from './tree.ts'

type Names = readonly string[]

const parentOf = (names: Names): Names => names.slice(0, -1)
const nameOf = (names: Names): string => names.at(-1) ?? ''

/**
 * A folder of the host, reached beneath its descriptor: each name of a path is opened in the folder before it, which is open
 * already, and no link is followed. Whatever is renamed meanwhile, what is opened lies where the walk was.
 */
export class DiskTree implements Tree {
  readonly #mount: Mount
  readonly #powers: FilePowers
  /** The folder of the host. */
  readonly root: RootFolder

  /** Opens the source of the mount. Throws UPSTREAM_FILE*. */
  constructor(mount: Mount, powers: FilePowers) {
    this.#mount = mount
    this.#powers = powers
    try {
      this.root = new RootFolder(mount.source ?? '', powers)
    } catch (error) {
      throw sourceError(error, mount)
    }
  }

  find(names: Names): Promise<Found | undefined> {
    return this.#attempt(async () => {
      if (names.length === 0) return this.root.facts
      try {
        return await this.root.inFolder(parentOf(names), (at) => this.#powers.factsAt(at, nameOf(names)))
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return undefined
        throw error
      }
    })
  }

  read(names: Names, draw: Draw): Promise<Uint8Array> {
    return this.#attempt(() =>
      this.root.inFolder(parentOf(names), (at) => this.#readIn(at, nameOf(names), draw)),
    )
  }

  async *members(names: Names): AsyncGenerator<Member> {
    const opened: number[] = []
    try {
      const at = this.root.walk(names, opened)
      for await (const name of this.#powers.names(at)) {
        const facts = this.root.factsIfThere(at, name)
        if (facts !== undefined) yield { name, kind: facts.kind, sizeBytes: facts.sizeBytes }
        // A name that is no UTF-8 cannot be looked up again; it is there all the same.
        else if (name.includes('\ufffd')) yield { name, kind: 'other', sizeBytes: 0 }
      }
    } catch (error) {
      throw asFileError(error)
    } finally {
      this.root.closeAll(opened)
    }
  }

  write(names: Names, bytes: Uint8Array, draw: Draw): Promise<void> {
    return this.#attempt(() =>
      this.root.inFolder(parentOf(names), (at) => this.#replace(at, nameOf(names), bytes, draw)),
    )
  }

  append(names: Names, bytes: Uint8Array, draw: Draw): Promise<void> {
    return this.#attempt(() =>
      this.root.inFolder(parentOf(names), async (at) => {
        const before = this.root.factsIfThere(at, nameOf(names))
        const held = before === undefined ? new Uint8Array() : await this.#readIn(at, nameOf(names))
        const sizeBytes = held.length + bytes.length
        if (sizeBytes > this.#mount.fileBytesMax) throw tooLarge(this.#mount, sizeBytes)
        await this.#replace(at, nameOf(names), Buffer.concat([held, bytes]), draw)
      }),
    )
  }

  remove(names: Names): Promise<void> {
    return this.#attempt(() =>
      this.root.inFolder(parentOf(names), async (at) => {
        const name = nameOf(names)
        const { kind } = this.#powers.factsAt(at, name)
        if (kind === 'other') throw kindError('What is there is no regular file and no folder.')
        if (kind === 'folder') this.#powers.removeFolder(at, name)
        else this.#powers.unlink(at, name)
        await this.#sync(at)
      }),
    )
  }

  /** A second name that must be free, then the first one goes: a file that is there already is never replaced. */
  rename(from: Names, to: Names): Promise<void> {
    return this.#attempt(() =>
      this.root.inFolder(parentOf(from), (at) =>
        this.root.inFolder(parentOf(to), async (toAt) => {
          const before = this.#powers.factsAt(at, nameOf(from))
          this.root.assertRegular(before)
          if (this.root.factsIfThere(toAt, nameOf(to)) !== undefined)
            throw existsError('The new name is taken.')
          this.#powers.link(at, nameOf(from), toAt, nameOf(to))
          const after = this.#powers.factsAt(toAt, nameOf(to))
          if (after.inode !== before.inode || after.kind !== 'file') {
            this.#powers.unlink(toAt, nameOf(to))
            throw kindError('The file was replaced while it was renamed.')
          }
          this.#powers.unlink(at, nameOf(from))
          await this.#sync(at)
          await this.#sync(toAt)
        }),
      ),
    )
  }

  makeFolder(names: Names, draw: Draw): Promise<void> {
    return this.#attempt(async () => {
      const opened: number[] = []
      try {
        let at = this.root.at
        for (const name of names) at = await this.#enterOrMake(at, name, opened, draw)
      } finally {
        this.root.closeAll(opened)
      }
    })
  }

  close(): void {
    this.root.close()
  }

  async #enterOrMake(at: number, name: string, opened: number[], draw: Draw): Promise<number> {
    try {
      return this.root.enter(at, name, opened)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
    }
    draw(filesQuota(this.#mount, 1))
    this.#powers.makeFolder(at, name)
    await this.#sync(at)
    return this.root.enter(at, name, opened)
  }

  /** Writes beside the name, then takes the name: readers see the old file or the new one, and a failure leaves the old one. */
  async #replace(at: number, name: string, bytes: Uint8Array, draw: Draw): Promise<void> {
    const before = this.root.factsIfThere(at, name)
    if (before === undefined) draw(filesQuota(this.#mount, 1))
    else this.root.assertRegular(before)
    const temporary = `${TEMPORARY_PREFIX}${this.#powers.randomName()}`
    const descriptor = this.#powers.createFile(at, temporary)
    try {
      await this.root.opened(descriptor, () => this.#powers.write(descriptor, bytes))
      this.#powers.rename(at, temporary, name)
    } catch (error) {
      this.#powers.unlink(at, temporary)
      throw error
    }
    await this.#sync(at)
  }

  /** What was done stays done; whether the disk has it nobody knows then. */
  async #sync(at: number): Promise<void> {
    try {
      await this.#powers.sync(at)
    } catch (error) {
      throw asFileError(error, true)
    }
  }

  #readIn(at: number, name: string, draw?: Draw): Promise<Uint8Array> {
    return this.root.inFile(at, name, (descriptor, facts) => this.#readAll(descriptor, facts, draw))
  }

  async #readAll(descriptor: number, facts: FileFacts, draw?: Draw): Promise<Uint8Array> {
    const { fileBytesMax } = this.#mount
    if (facts.sizeBytes > fileBytesMax) throw tooLarge(this.#mount, facts.sizeBytes)
    draw?.(bytesQuota(this.#mount, 'read', facts.sizeBytes))
    const bytes = await this.#powers.read(descriptor, fileBytesMax + 1)
    if (bytes.length > fileBytesMax) throw tooLarge(this.#mount, bytes.length)
    // It grew after it was measured, or its size is not told.
    if (bytes.length > facts.sizeBytes)
      draw?.(bytesQuota(this.#mount, 'read', bytes.length - facts.sizeBytes))
    return bytes
  }

  async #attempt<Value>(work: () => Promise<Value>): Promise<Value> {
    try {
      return await work()
    } catch (error) {
      throw asFileError(error)
    }
  }
}
