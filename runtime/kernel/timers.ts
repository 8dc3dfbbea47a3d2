import { TIMER_MS_MAX, TIMERS_MAX, TIMERS_WAITING_MAX } from '../abi/crossing.ts'
import { TIMER_OP } from '../abi/ops.ts'
import type { Door } from './door.ts'
import { makeGuestError } from './errors.ts'
import {
  define,
  GLOBAL,
  MathFloor,
  NumberOf,
  ObjectCreate,
  privatePromise,
  PromisePrototypeThen,
  ReflectApply,
  TypeErrorClass,
} from './primordials.ts'

type Work = (...args: unknown[]) => unknown
type Timer = {
  readonly work: Work
  readonly args: unknown[]
  readonly delayMs: number
  readonly repeats: boolean
}
/** Tells the guest's log what a callback threw; nobody else waits for it. */
type Report = (error: unknown) => void

/** What guests pass as a delay: anything. Not a number, or less than nothing, is 0; too long is the longest. */
const delayOf = (value: unknown): number => {
  const delayMs = typeof value === 'number' ? value : typeof value === 'string' ? NumberOf(value) : 0
  if (!(delayMs > 0)) return 0
  return delayMs > TIMER_MS_MAX ? TIMER_MS_MAX : MathFloor(delayMs)
}

const asWork = (value: unknown, name: string): Work => {
  if (typeof value !== 'function') throw new TypeErrorClass(`${name} needs a function`)
  return value as Work
}

const tooMany = (message: string): Error => makeGuestError('LIMIT_TIMERS', message, 'Set fewer timers.')

const settled = privatePromise((resolve) => resolve(undefined))
const ignore = (): void => undefined

const run = (job: Work, report: Report): void => {
  try {
    job()
  } catch (error) {
    report(error)
  }
}

/** The timers of one realm. A timer is a control call: the host journals it and says when it fires, and in which order. */
const makeTimers = (control: Door['control'], report: Report) => {
  let timers = ObjectCreate(null) as Record<number, Timer>
  let lastId = 0
  let set = 0
  let waiting = 0

  const fire = (id: number): void => {
    const timer = timers[id]
    if (timer === undefined) return
    if (!timer.repeats) delete timers[id]
    try {
      ReflectApply(timer.work, undefined, timer.args)
      if (timer.repeats && timers[id] === timer) arm(id, timer)
    } catch (error) {
      report(error)
    }
  }

  const arm = (id: number, timer: Timer): void => {
    delete timers[id]
    if (set >= TIMERS_MAX) throw tooMany(`The run has set ${TIMERS_MAX} timers already.`)
    if (waiting >= TIMERS_WAITING_MAX) throw tooMany(`${TIMERS_WAITING_MAX} timers are waiting already.`)
    set += 1
    waiting += 1
    timers[id] = timer
    control(TIMER_OP, `{"delayMs":${timer.delayMs}}`, (ok) => {
      waiting -= 1
      if (ok) fire(id)
    })
  }

  return {
    start: (timer: Timer): number => {
      lastId += 1
      arm(lastId, timer)
      return lastId
    },
    /** A timer that was cleared is still delivered, and then does nothing. */
    clear: (id: unknown): void => {
      if (typeof id === 'number') delete timers[id]
    },
    /** Forgets those of an earlier run: they will not be delivered. */
    restart: (): void => {
      timers = ObjectCreate(null) as Record<number, Timer>
      set = 0
      waiting = 0
    },
  }
}

/** Puts setTimeout and its like, and queueMicrotask, into the realm. What is returned makes it ready for another run. */
export const installTimers = (control: Door['control'], report: Report): (() => void) => {
  const { start, clear, restart } = makeTimers(control, report)
  const functions = {
    setTimeout: (work: unknown, delay?: unknown, ...args: unknown[]): number =>
      start({ work: asWork(work, 'setTimeout'), args, delayMs: delayOf(delay), repeats: false }),
    setInterval: (work: unknown, delay?: unknown, ...args: unknown[]): number => {
      const delayMs = delayOf(delay)
      return start({
        work: asWork(work, 'setInterval'),
        args,
        delayMs: delayMs < 1 ? 1 : delayMs,
        repeats: true,
      })
    },
    clearTimeout: (id?: unknown): void => clear(id),
    clearInterval: (id?: unknown): void => clear(id),
    queueMicrotask: (work: unknown): void => {
      const job = asWork(work, 'queueMicrotask')
      void PromisePrototypeThen(settled, () => run(job, report), ignore)
    },
  }
  define(GLOBAL, 'setTimeout', functions.setTimeout)
  define(GLOBAL, 'setInterval', functions.setInterval)
  define(GLOBAL, 'clearTimeout', functions.clearTimeout)
  define(GLOBAL, 'clearInterval', functions.clearInterval)
  define(GLOBAL, 'queueMicrotask', functions.queueMicrotask)
  return restart
}
