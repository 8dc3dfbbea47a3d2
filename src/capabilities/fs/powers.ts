/** What a file is, as far as it matters whether it may be opened. */
export type FileFacts = {
  readonly kind: 'file' | 'folder' | 'other'
  readonly sizeBytes: number
  readonly modifiedMs: number
  /** Names that the file has. */
  readonly links: number
  readonly device: number
  readonly inode: number
}

/**
 * What the filesystem driver needs of the world: names are looked up one at a time, in a folder that is open already, and no
 * symbolic link is ever followed. Descriptors are numbers. All of it throws errors of Node, with `code`. Made in src/run.
 */
export type FilePowers = {
  /** Opens a folder by its path on the host; links are followed, for the policy names it. */
  openRoot(path: string): number
  openFolder(at: number, name: string): number
  /** For reading; never waits for the other side of a FIFO. */
  openFile(at: number, name: string): number
  /** For writing, mode 0600; EEXIST where the name is taken by whatever. */
  createFile(at: number, name: string): number
  factsOf(descriptor: number): FileFacts
  /** Of the name itself, not of what a link leads to. */
  factsAt(at: number, name: string): FileFacts
  /** The bytes from the beginning, at most so many. */
  read(descriptor: number, bytesMax: number): Promise<Uint8Array>
  /** Writes all of it and hands it to the disk (fsync). */
  write(descriptor: number, bytes: Uint8Array): Promise<void>
  /** The names in a folder; what is no UTF-8 in them stands as U+FFFD. */
  names(at: number): AsyncIterable<string>
  /** Mode 0700. */
  makeFolder(at: number, name: string): void
  rename(at: number, from: string, to: string): void
  /** As rename, into another open folder. */
  move(at: number, from: string, toAt: number, to: string): void
  /** Gives a file a second name; EEXIST where the name is taken. */
  link(at: number, from: string, toAt: number, to: string): void
  unlink(at: number, name: string): void
  removeFolder(at: number, name: string): void
  /** Hands the names of a folder to the disk. */
  sync(at: number): Promise<void>
  close(descriptor: number): void
  /** The path of an open folder, for finding it again when the host was restarted. */
  placeOf(at: number): string
  /** A name that nobody can guess. */
  randomName(): string
}

/** The redo log of commits, kept in the state of the host: what tells after a crash whether one happened. */
export type CommitLog = {
  /** Undefined while somebody else commits; the system releases it with the process. */
  lock(): (() => void) | undefined
  unfinished(): readonly {
    readonly id: string
    readonly state: 'prepared' | 'decided'
    readonly manifest: string
  }[]
  prepare(id: string, manifest: string): void
  /** The switch: when it returns, the disk has it. */
  decide(id: string): void
  settle(id: string, fate: 'done' | 'undone' | 'conflict'): void
}

/** All that the driver is handed. */
export type FsPowers = FilePowers & { readonly commits: CommitLog }
