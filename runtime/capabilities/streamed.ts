import type { Asked, Door } from '../kernel/door.ts'
import { makeGuestError } from '../kernel/errors.ts'
import {
  define,
  ObjectFreeze,
  PromiseClass,
  PromisePrototypeThen,
  SymbolAsyncIterator,
} from '../kernel/primordials.ts'

/** A result that may be larger than one answer: each answer but the last says `more`. */
export type StreamedCall = {
  readonly door: Door
  readonly op: string
  ask(): Asked
  /** The items of one answer. */
  readonly read: (wire: unknown) => unknown[]
}

type Waiting = { readonly resolve: (result: unknown) => void; readonly reject: (error: unknown) => void }
type Iterator = { next(): Promise<unknown>; return?(): Promise<unknown> }

const ignore = (): void => undefined
const tooEarly = (): Error => makeGuestError('GUEST_ARGUMENTS', 'The item before was not awaited.')
const hasMore = (wire: unknown): boolean => (wire as { more?: unknown }).more === true
/** Cheaper than a promise with an executor; there are tens of thousands of rows. */
const resolved = async (result: unknown): Promise<unknown> => result
const done = () => ({ value: undefined, done: true })

/** Hands items on one by one as chunks come in; asks for one chunk ahead of the reader, and holds no more. */
const makeReader = ({ door, read }: StreamedCall) => {
  let seq = 0
  let items: unknown[] = []
  let at = 0
  let ahead: unknown[] | undefined
  let isOver = false
  let isPulling = false
  let failure: { error: unknown } | undefined
  let waiting: Waiting | undefined
  const item = () => ({ value: items[at++], done: false })
  const serve = (): void => {
    if (at >= items.length && ahead !== undefined) {
      items = ahead
      at = 0
      ahead = undefined
    }
    if (waiting !== undefined && (at < items.length || isOver)) {
      const { resolve, reject } = waiting
      waiting = undefined
      if (at < items.length) resolve(item())
      else if (failure === undefined) resolve(done())
      else reject(failure.error)
    }
    if (ahead === undefined) pull()
  }
  const fail = (error: unknown): void => {
    isOver = true
    failure = { error }
    serve()
  }
  const take = (wire: unknown): void => {
    isPulling = false
    if (isOver) return
    isOver = !hasMore(wire)
    ahead = read(wire)
    serve()
  }
  const pull = (): void => {
    // What was asked for in a run that is over never comes.
    if (isOver || seq === 0 || (isPulling && !door.isOver())) return
    isPulling = true
    void PromisePrototypeThen(door.pull(seq), take, fail)
  }
  const wait = (): Promise<unknown> =>
    new PromiseClass((resolve, reject) => {
      if (waiting !== undefined) return reject(tooEarly())
      waiting = { resolve, reject }
      serve()
    })
  const iterator: Iterator = {
    next: () => {
      if (waiting !== undefined || at >= items.length) return wait()
      const found = item()
      if (ahead === undefined) pull()
      return resolved(found)
    },
    return: () => {
      if (!isOver && seq !== 0) door.giveUp(seq)
      isOver = true
      items = []
      ahead = undefined
      return new PromiseClass((resolve) => resolve(done()))
    },
  }
  const begin = (wire: unknown, callSeq: number): void => {
    seq = callSeq
    take(wire)
  }
  return { begin, fail, iterator: ObjectFreeze(iterator) }
}

/** All items, pulled together behind those of the first answer. */
const gather = ({ door, read }: StreamedCall, first: unknown, seq: number): Promise<unknown> =>
  new PromiseClass((resolve, reject) => {
    const all: unknown[] = []
    const take = (wire: unknown): void => {
      const items = read(wire)
      for (let i = 0; i < items.length; i += 1) define(all, all.length, items[i], true)
      if (hasMore(wire)) void PromisePrototypeThen(door.pull(seq), take, reject)
      else resolve(all)
    }
    take(first)
  })

/** Goes over a list that is there, or will be. */
const overList = (list: Promise<unknown>): Iterator => {
  let at = 0
  const next = (): Promise<unknown> =>
    new PromiseClass((resolve, reject) => {
      const step = (items: unknown): void => {
        at += 1
        const { length } = items as unknown[]
        resolve(at > length ? done() : { value: (items as unknown[])[at - 1], done: false })
      }
      void PromisePrototypeThen(list, step, reject)
    })
  return ObjectFreeze({ next })
}

const refusedAsList = (): Promise<unknown> =>
  new PromiseClass((_, reject) =>
    reject(
      makeGuestError('GUEST_ARGUMENTS', 'The rows are gone over one by one; ask again to have them all.'),
    ),
  )

/**
 * Calls an op whose result is a list. The promise gives all of it. `for await` over the promise, begun before the first answer is
 * there, reads chunk by chunk instead, and then the list as a whole is not to be had.
 */
export const streamed = (call: StreamedCall): Promise<unknown> => {
  const reader = makeReader(call)
  let isRead = false
  let hasAnswer = false
  const answered = call.door.call(
    call.op,
    () => call.ask(),
    (wire, seq) => {
      hasAnswer = true
      if (!isRead) return hasMore(wire) ? gather(call, wire, seq) : call.read(wire)
      reader.begin(wire, seq)
      return refusedAsList()
    },
  )
  define(answered, SymbolAsyncIterator, () => {
    if (hasAnswer || isRead) return overList(answered)
    isRead = true
    void PromisePrototypeThen(answered, ignore, (error) => {
      if (!hasAnswer) reader.fail(error)
    })
    return reader.iterator
  })
  return answered
}
