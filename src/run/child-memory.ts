import { TollgateError } from '../errors/tollgate-error.ts'

/** The least that an isolate can be given. */
const ISOLATE_MB_MIN = 8

/** Memory that the children of a run have together, whatever their depth: as much again as the run itself. */
export class ChildMemory {
  readonly #totalMb: number
  #leftMb: number

  constructor(totalMb: number) {
    this.#totalMb = totalMb
    this.#leftMb = totalMb
  }

  /** Memory of one child; when nothing is asked, such that so many children fit side by side. Throws LIMIT_CHILDREN. */
  take(askedMb: number | undefined, childrenMax: number): number {
    const share = Math.max(ISOLATE_MB_MIN, Math.floor(this.#totalMb / childrenMax))
    const memoryMb = Math.min(askedMb ?? share, this.#leftMb)
    if (memoryMb < ISOLATE_MB_MIN)
      throw new TollgateError('LIMIT_CHILDREN', 'The children that go on have all of the memory.', {
        hint: 'Wait for one of them, or give each less with limits.max_memory_mb.',
        rule: 'limits.max_memory_mb',
        change: 'raise limits.max_memory_mb',
        notPerformed: true,
      })
    this.#leftMb -= memoryMb
    return memoryMb
  }

  giveBack(memoryMb: number): void {
    this.#leftMb += memoryMb
  }
}
