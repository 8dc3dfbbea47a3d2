import { errnoOf, kindError } from './file-errors.ts'
import type { FileFacts, FilePowers } from './powers.ts'

/**
 * A folder of the host, reached beneath its descriptor: each name of a path is opened in the folder before it, which is open
 * already, and no link is followed. Whatever is renamed meanwhile, what is opened lies where the walk was.
 */
export class RootFolder {
  /** Its descriptor. */
  readonly at: number
  readonly #powers: FilePowers
  readonly #device: number

  /** Opens it by its path on the host. Throws errors of Node. */
  constructor(path: string, powers: FilePowers) {
    this.#powers = powers
    this.at = powers.openRoot(path)
    this.#device = this.facts.device
  }

  get facts(): FileFacts {
    return this.#powers.factsOf(this.at)
  }

  /** Which folder it is, whatever its path is by now. */
  get identity(): string {
    const { device, inode } = this.facts
    return `${device}:${inode}`
  }

  /** Works in the folder that the names lead to. Throws ENOENT, and ELOOP or ENOTDIR where a name is a link or a file. */
  async inFolder<Value>(
    names: readonly string[],
    work: (at: number) => Value | Promise<Value>,
  ): Promise<Value> {
    const opened: number[] = []
    try {
      return await work(this.walk(names, opened))
    } finally {
      this.closeAll(opened)
    }
  }

  walk(names: readonly string[], opened: number[]): number {
    return names.reduce((at, name) => this.enter(at, name, opened), this.at)
  }

  enter(at: number, name: string, opened: number[]): number {
    const folder = this.#powers.openFolder(at, name)
    opened.push(folder)
    if (this.#powers.factsOf(folder).device !== this.#device)
      throw kindError('The path leads to another file system.')
    return folder
  }

  /** Opens a regular file; looked at before, for to open a device can be an act, and when it is open, for then it stays what it is. */
  inFile<Value>(
    at: number,
    name: string,
    work: (descriptor: number, facts: FileFacts) => Promise<Value>,
  ): Promise<Value> {
    this.assertRegular(this.#powers.factsAt(at, name))
    return this.opened(this.#powers.openFile(at, name), (descriptor) => {
      const facts = this.#powers.factsOf(descriptor)
      this.assertRegular(facts)
      return work(descriptor, facts)
    })
  }

  assertRegular({ kind, links, device }: FileFacts): void {
    if (kind !== 'file') throw kindError('What is there is no regular file.')
    if (links !== 1)
      throw kindError('The file has several names (hard links), and another may lie elsewhere.')
    if (device !== this.#device) throw kindError('The path leads to another file system.')
  }

  factsIfThere(at: number, name: string): FileFacts | undefined {
    try {
      return this.#powers.factsAt(at, name)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw error
    }
  }

  async opened<Value>(descriptor: number, work: (descriptor: number) => Promise<Value>): Promise<Value> {
    try {
      return await work(descriptor)
    } finally {
      this.#powers.close(descriptor)
    }
  }

  closeAll(opened: readonly number[]): void {
    for (const descriptor of opened) this.#powers.close(descriptor)
  }

  close(): void {
    this.#powers.close(this.at)
  }
}
