import {
  ARGUMENTS_SIZE_MAX,
  CAVEATS_SIZE_MAX,
  HANDLE_DEPTH_MAX,
  HANDLES_MAX,
  KEY_SIZE_MAX,
} from '../abi/crossing.ts'
import type { GuestError } from '../abi/frames.ts'
import { OUT, type Send } from '../abi/inside.ts'
import { ONLY_OP, PULL_OP, REVOKE_OP } from '../abi/ops.ts'
import { makeCallError, makeGuestError, markOrigin } from './errors.ts'
import { unpassableOf, writeJson } from './passable.ts'
import {
  define,
  isObject,
  JSONParse,
  JSONStringify,
  ObjectCreate,
  ObjectHasOwn,
  ObjectKeys,
  ObjectPrototype,
  PromiseClass,
  RangeErrorClass,
  ReflectGetPrototypeOf,
  StringPrototypeCharCodeAt,
} from './primordials.ts'

type Settle = (ok: boolean, text: string, seq: number) => void

/** What a call asks for. Read inside the promise, so that whatever it throws becomes a rejection. */
export type Asked = { readonly args: unknown; readonly options: unknown }

/** The way out. One for each realm; made before guest code runs, and never reachable from it. */
export type Door = {
  /** Invokes an op; the promise is the guest's. `open` turns the parsed result, of the call `seq`, into what the guest receives. */
  call(op: string, ask: () => Asked, open?: (result: unknown, seq: number) => unknown): Promise<unknown>
  /** Asks for the next chunk of the result of call `of`. The promise is the kernel's own, never the guest's. GUEST_OVER. */
  pull(of: number): Promise<unknown>
  /** The run is over: nothing leaves any more, and nothing comes. */
  isOver(): boolean
  /** Gives up the rest of the result of call `of`. */
  giveUp(of: number): void
  /** Invokes a control op; `settle` runs at its delivery. */
  control(op: string, args: string, settle: (ok: boolean) => void): void
  /**
   * The same door, but for its calls: they go through a handle of their own, weaker than that of this door by the caveats. What the
   * host makes of these shows at the first call. Throws GUEST_ARGUMENTS, GUEST_UNPASSABLE, LIMIT_HANDLES.
   */
  weaken(at: string, caveats: unknown): Door
  /** Ends the handle of a door that `weaken` made, for good; safe to repeat. */
  revoke(): void
  /** Says that the tool's module has run. */
  loaded(): void
  log(level: string, text: string): void
  /** Ends the run; only the first end counts, and nothing leaves afterwards. */
  finishWithValue(json: string): void
  finishWithFault(fault: string, errorJson: string, refused: number): void
  deliver(seq: number, ok: boolean, text: string): void
}

const errorFacts = (text: string): Partial<GuestError> => {
  const facts = JSONParse(text) as Partial<GuestError> | null
  return { __proto__: null, ...facts } as Partial<GuestError>
}

const UNREADABLE = { __proto__: null, message: 'The result could not be read.' } as object

/** Reads `{ idempotencyKey }` of a call's options: printable ASCII, 1 to KEY_SIZE_MAX characters. */
const keyOf = (options: unknown): string => {
  if (!isObject(options) || !ObjectHasOwn(options, 'idempotencyKey')) return ''
  const key = (options as { idempotencyKey?: unknown }).idempotencyKey
  if (key === undefined) return ''
  const problem = `idempotencyKey is not 1 to ${KEY_SIZE_MAX} printable ASCII characters`
  if (typeof key !== 'string' || key.length === 0 || key.length > KEY_SIZE_MAX)
    throw makeGuestError('GUEST_ARGUMENTS', problem)
  for (let i = 0; i < key.length; i += 1) {
    const unit = StringPrototypeCharCodeAt(key, i)
    if (unit < 0x20 || unit > 0x7e) throw makeGuestError('GUEST_ARGUMENTS', problem)
  }
  return key
}

/** The arguments as JSON; absent arguments are an empty object, which is what a schema without parameters expects. */
const argumentsJson = (args: unknown): string => {
  if (args === undefined) return '{}'
  try {
    return writeJson(args, 'arguments', ARGUMENTS_SIZE_MAX)
  } catch (error) {
    const reason = unpassableOf(error)?.message ?? 'arguments threw when they were read'
    const hint = 'Pass strings, finite numbers, booleans, null, arrays and plain objects.'
    throw makeGuestError('GUEST_UNPASSABLE', `The call did not leave: ${reason}.`, hint)
  }
}

/**
 * The native function throws on its own only when the stack is used up, and then its error is the cage's: other realm, host
 * paths in its stack. It is dropped here and the guest gets one of its own. What was not taken was not sent.
 */
const guardSend =
  (send: Send): Send =>
  (kind, number, textA, textB, textC, handle) => {
    try {
      send(kind, number, textA, textB, textC, handle)
    } catch {
      throw new RangeErrorClass('Maximum call stack size exceeded')
    }
  }

/** `handle`: 0, or that which it goes through. `settle`: undefined where nothing is answered. Returns the seq. */
type Leave = (handle: number, op: string, args: string, key: string, settle: Settle | undefined) => number

const over = (): Error => makeGuestError('GUEST_OVER', 'The run that this capability belongs to is over.')

/** `leave`: undefined when nothing leaves any more. */
const pullThrough = (leave: Leave | undefined, of: number): Promise<unknown> => {
  const promise = new PromiseClass((resolve, reject) => {
    if (leave === undefined) return reject(over())
    const origin = markOrigin()
    leave(0, PULL_OP, `{"of":${of}}`, '', (ok, outcome, seq) => {
      if (ok) resolve(JSONParse(outcome))
      else reject(makeCallError(errorFacts(outcome), seq, origin))
    })
  })
  // Nobody but the kernel waits for it, and no species of the guest's.
  define(promise, 'constructor', undefined)
  return promise
}

/** Caveats as JSON. One that is there and undefined is refused: somebody meant to restrict, and nothing would. */
const caveatsJson = (given: unknown): string => {
  if (given === undefined) return '{}'
  const prototype = isObject(given) ? ReflectGetPrototypeOf(given) : undefined
  if (!isObject(given) || (prototype !== null && prototype !== ObjectPrototype))
    throw makeGuestError('GUEST_ARGUMENTS', 'only() takes a plain object of caveats')
  const caveats = ObjectCreate(null) as Record<string, unknown>
  const names = ObjectKeys(given)
  for (let i = 0; i < names.length; i += 1) {
    const name = names[i] as string
    const value = (given as Record<string, unknown>)[name]
    if (value === undefined) throw makeGuestError('GUEST_ARGUMENTS', `The caveat ${name} is undefined`)
    define(caveats, name, value, true)
  }
  try {
    return writeJson(caveats, 'caveats', CAVEATS_SIZE_MAX)
  } catch (error) {
    const reason = unpassableOf(error)?.message ?? 'caveats threw when they were read'
    throw makeGuestError('GUEST_UNPASSABLE', `No handle was made: ${reason}.`)
  }
}

/** A call of the guest. `isOver` is asked once its arguments were read. */
const callThrough = (leave: Leave, handle: number, isOver: () => boolean): Door['call'] => {
  const call: Door['call'] = (op, ask, open) =>
    new PromiseClass((resolve, reject) => {
      const { args, options } = ask()
      const key = keyOf(options)
      const text = argumentsJson(args)
      if (isOver()) return reject(over())
      const origin = markOrigin()
      leave(handle, op, text, key, (ok, outcome, seq) => {
        if (!ok) return reject(makeCallError(errorFacts(outcome), seq, origin))
        try {
          const result: unknown = JSONParse(outcome)
          resolve(open === undefined ? result : open(result, seq))
        } catch {
          reject(makeCallError(UNREADABLE, seq, origin))
        }
      })
    })
  return call
}

type SharedDoor = Omit<Door, 'call' | 'weaken' | 'revoke'>

/** Doors by the handle that their calls go through; all else is one and the same. */
const makeDoors = (shared: SharedDoor, leave: Leave): Door => {
  const { isOver } = shared
  let made = 0

  const doorOf = (handle: number, depth: number): Door => {
    let isRevoked = false
    const weaken: Door['weaken'] = (at, caveats) => {
      const json = caveatsJson(caveats)
      if (made >= HANDLES_MAX || depth >= HANDLE_DEPTH_MAX)
        throw makeGuestError('LIMIT_HANDLES', 'No more handles can be made, or none of this one')
      if (isOver()) return doorOf(handle, depth + 1)
      const seq = leave(handle, ONLY_OP, `{"at":${JSONStringify(at)},"caveats":${json}}`, '', undefined)
      made += 1
      return doorOf(seq, depth + 1)
    }
    const revoke = (): void => {
      if (handle === 0 || isRevoked || isOver()) return
      leave(handle, REVOKE_OP, '{}', '', undefined)
      isRevoked = true
    }
    const call = callThrough(leave, handle, isOver)
    return { __proto__: null, ...shared, call, weaken, revoke } as Door
  }
  return doorOf(0, 0)
}

/** Opens the door on the one native function. */
export const openDoor = (native: Send): Door => {
  const send = guardSend(native)
  const pending = ObjectCreate(null) as Record<number, Settle>
  let lastSeq = 0
  let closed = false

  const leave: Leave = (handle, op, args, key, settle) => {
    send(OUT.call, lastSeq + 1, op, args, key, handle)
    lastSeq += 1
    if (settle !== undefined) pending[lastSeq] = settle
    return lastSeq
  }
  const finish = (kind: number, number: number, textA: string, textB: string): void => {
    if (closed) return
    send(kind, number, textA, textB, '', 0)
    closed = true
  }

  const shared: SharedDoor = {
    pull: (of) => pullThrough(closed ? undefined : leave, of),
    isOver: () => closed,
    giveUp: (of) => {
      if (!closed) leave(0, PULL_OP, `{"of":${of},"end":true}`, '', () => undefined)
    },
    control: (op, args, settle) => {
      if (!closed) leave(0, op, args, '', settle)
    },
    loaded: () => send(OUT.loaded, 0, '', '', '', 0),
    log: (level, text) => {
      if (closed) return
      try {
        send(OUT.log, 0, level, text, '', 0)
      } catch {
        // A log line that cannot leave is no reason to end the tool.
      }
    },
    finishWithValue: (json) => finish(OUT.value, 0, json, ''),
    finishWithFault: (fault, errorJson, refused) => finish(OUT.fault, refused, fault, errorJson),
    deliver: (seq, ok, text) => {
      const settle = pending[seq]
      if (settle === undefined || closed) return
      delete pending[seq]
      settle(ok, text, seq)
    },
  }
  return makeDoors(shared, leave)
}
