import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openJournalBuffer } from '../../src/journal/buffer.ts'
import { TollgateError } from '../../src/index.ts'
import type { Durability, EventRow, JournalPort } from '../../src/stores/ports.ts'

const row = (n: number): EventRow => ({ runId: 'run', n, event: '{}', record: '{}', hash: `${n}` })

/** A journal that can fail, and what was written to it. */
class Paper {
  isBroken = false
  readonly written: { n: number; durability: Durability }[] = []
  readonly kept: number[] = []
  readonly port: JournalPort = {
    append: (rows, durability) => {
      if (this.isBroken) throw new TollgateError('INTERNAL_STORE', 'Broken.')
      for (const { n } of rows) this.written.push({ n, durability })
    },
    read: () => [],
    runIds: () => [],
    links: () => [],
  }
  readonly buffer = openJournalBuffer(this.port, (rows) => this.kept.push(...rows.map(({ n }) => n)))

  get order(): number[] {
    return this.written.map(({ n }) => n)
  }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('rows of reads', () => {
  it('wait at most five milliseconds, and are written together and in order', () => {
    const paper = new Paper()
    for (const n of [0, 1, 2]) paper.buffer.push(row(n))
    vi.advanceTimersByTime(4)
    expect(paper.order).toEqual([])
    vi.advanceTimersByTime(1)
    expect(paper.written).toEqual([0, 1, 2].map((n) => ({ n, durability: 'kept' })))
    expect(paper.kept).toEqual([0, 1, 2])
    paper.buffer.push(row(3))
    vi.advanceTimersByTime(5)
    expect(paper.order).toEqual([0, 1, 2, 3])
  })

  it('are written with the effect that comes after them, once', () => {
    const paper = new Paper()
    for (const n of [0, 1]) paper.buffer.push(row(n))
    expect(paper.buffer.drain((rows) => rows.map(({ n }) => n))).toEqual([0, 1])
    vi.advanceTimersByTime(100)
    expect(paper.order).toEqual([])
    expect(paper.kept).toEqual([0, 1])
  })
})

describe('a write that fails', () => {
  it('leaves the rows where they are, in order, and says so until a write succeeds', () => {
    const paper = new Paper()
    paper.isBroken = true
    paper.buffer.push(row(0))
    vi.advanceTimersByTime(5)
    expect(paper.buffer.failure).toMatchObject({ code: 'INTERNAL_STORE' })
    expect(() => paper.buffer.flush('synced')).toThrow(
      expect.objectContaining({ code: 'INTERNAL_STORE' }) as Error,
    )
    paper.buffer.push(row(1))
    paper.isBroken = false
    vi.advanceTimersByTime(5)
    expect(paper.order).toEqual([0, 1])
    expect(paper.kept).toEqual([0, 1])
    expect(paper.buffer.failure).toBeUndefined()
  })

  it('of an effect leaves its rows to the next write', () => {
    const paper = new Paper()
    paper.buffer.push(row(0))
    expect(() =>
      paper.buffer.drain(() => {
        throw new Error('disk on fire')
      }),
    ).toThrow(expect.objectContaining({ code: 'INTERNAL_ERROR' }) as Error)
    expect(paper.kept).toEqual([])
    paper.buffer.flush('synced')
    expect(paper.written).toEqual([{ n: 0, durability: 'synced' }])
  })
})
