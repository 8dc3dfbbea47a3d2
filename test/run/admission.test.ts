import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isTollgateError } from '../../src/index.ts'
import { Admission, type Ticket } from '../../src/run/admission.ts'

const never = new AbortController().signal
const ticket = (principal: string, more: Partial<Ticket> = {}): Ticket => ({
  principal,
  priority: 0,
  memoryMb: 10,
  ...more,
})

/** An admission of one place, with a log of who was let in. */
const queue = (runsMax = 1, more: Partial<ConstructorParameters<typeof Admission>[0]> = {}) => {
  const admission = new Admission({ runsMax, memoryMbMax: 1000, waitingMax: 100, ...more })
  const entered: string[] = []
  const enter = (name: string, one: Ticket, signal: AbortSignal = never): void => {
    const waiting = admission.enter(one, signal)
    if (waiting === undefined) entered.push(name)
    else void waiting.then(() => entered.push(name)).catch(() => undefined)
  }
  const settle = (): Promise<void> => setImmediate()
  return { admission, entered, enter, settle }
}

const codeOf = (work: () => unknown): string => {
  try {
    work()
    return 'let in'
  } catch (error) {
    return isTollgateError(error) ? error.code : String(error)
  }
}

describe('admission', () => {
  it('lets principals take turns: who floods waits behind its own runs', async () => {
    const { admission, entered, enter, settle } = queue()
    for (let n = 1; n <= 4; n += 1) enter(`flood${n}`, ticket('flood'))
    enter('other1', ticket('other'))
    enter('other2', ticket('other'))
    for (let n = 0; n < 5; n += 1) {
      admission.leave(ticket('any'))
      await settle()
    }
    expect(entered).toEqual(['flood1', 'flood2', 'other1', 'flood3', 'other2', 'flood4'])
  })

  it('takes the higher priority first, within a principal', async () => {
    const { admission, entered, enter, settle } = queue()
    enter('first', ticket('a'))
    enter('low', ticket('a', { priority: -1 }))
    enter('normal', ticket('a'))
    enter('high', ticket('a', { priority: 5 }))
    for (let n = 0; n < 3; n += 1) {
      admission.leave(ticket('a'))
      await settle()
    }
    expect(entered).toEqual(['first', 'high', 'normal', 'low'])
  })

  it('promises no memory twice, and passes nobody over who needs more', async () => {
    const { admission, entered, enter, settle } = queue(10, { memoryMbMax: 100 })
    enter('a', ticket('a', { memoryMb: 60 }))
    enter('large', ticket('b', { memoryMb: 80 }))
    enter('small', ticket('c', { memoryMb: 10 }))
    await settle()
    expect(entered).toEqual(['a'])
    admission.leave(ticket('a', { memoryMb: 60 }))
    await settle()
    expect(entered).toEqual(['a', 'large', 'small'])
    expect(codeOf(() => admission.enter(ticket('d', { memoryMb: 101 }), never))).toBe('LIMIT_QUEUE')
  })

  it('refuses when too many wait, and forgets who gave up', async () => {
    const { admission, entered, enter, settle } = queue(1, { waitingMax: 2 })
    const gaveUp = new AbortController()
    enter('first', ticket('a'))
    enter('quitter', ticket('a'), gaveUp.signal)
    enter('patient', ticket('a'))
    expect(codeOf(() => admission.enter(ticket('b'), never))).toBe('LIMIT_QUEUE')
    gaveUp.abort(new Error('gone'))
    expect(admission.waiting).toBe(1)
    admission.leave(ticket('a'))
    await settle()
    expect(entered).toEqual(['first', 'patient'])
  })

  it('holds its bounds under any order of events, and lets everybody in in the end', async () => {
    const arrivals = fc.array(
      fc.record({
        principal: fc.constantFrom('a', 'b', 'c'),
        priority: fc.integer({ min: -2, max: 2 }),
        memoryMb: fc.integer({ min: 1, max: 50 }),
      }),
      { maxLength: 60 },
    )
    await fc.assert(
      fc.asyncProperty(arrivals, async (tickets) => {
        const admission = new Admission({ runsMax: 3, memoryMbMax: 60, waitingMax: 1000 })
        let usedMb = 0
        let running = 0
        let finished = 0
        const run = async (one: Ticket): Promise<void> => {
          await admission.enter(one, never)
          usedMb += one.memoryMb
          running += 1
          expect(usedMb).toBeLessThanOrEqual(60)
          expect(running).toBeLessThanOrEqual(3)
          await Promise.resolve()
          usedMb -= one.memoryMb
          running -= 1
          finished += 1
          admission.leave(one)
        }
        await Promise.all(tickets.map(run))
        expect(finished).toBe(tickets.length)
        expect([admission.running, admission.waiting]).toEqual([0, 0])
      }),
    )
  })
})
