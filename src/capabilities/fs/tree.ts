import type { Quota } from '../capability.ts'

/** What stands at a place. */
export type Found = {
  readonly kind: 'file' | 'folder' | 'other'
  readonly sizeBytes: number
  readonly modifiedMs: number
}

/** A member of a folder, by its raw name. */
export type Member = { readonly name: string; readonly kind: Found['kind']; readonly sizeBytes: number }

/** Draws on a quota while the work goes on. Throws its code. */
export type Draw = (quota: Quota) => void

/**
 * The files of one mount. Names are relative to it and were judged; what they lead to is judged here. Every method throws coded
 * errors: DENIED_FILE_KIND, LIMIT_FILE*, UPSTREAM_FILE*. Changes come one at a time.
 */
export type Tree = {
  /** Undefined where nothing is. */
  find(names: readonly string[]): Promise<Found | undefined>
  read(names: readonly string[], draw: Draw): Promise<Uint8Array>
  members(names: readonly string[]): AsyncIterable<Member>
  /** Puts a file there as a whole, or leaves what was. */
  write(names: readonly string[], bytes: Uint8Array, draw: Draw): Promise<void>
  append(names: readonly string[], bytes: Uint8Array, draw: Draw): Promise<void>
  /** Removes a file or an empty folder. */
  remove(names: readonly string[]): Promise<void>
  /** Gives a file another name that is free. */
  rename(from: readonly string[], to: readonly string[]): Promise<void>
  /** Makes a folder and those above it that are missing; one that exists is as good. */
  makeFolder(names: readonly string[], draw: Draw): Promise<void>
  close(): void
}
