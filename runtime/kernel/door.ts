import { ARGUMENTS_SIZE_MAX, KEY_SIZE_MAX } from '../abi/crossing.ts'
import type { GuestError } from '../abi/frames.ts'
import { makeCallError, markOrigin } from './errors.ts'
import { unpassableOf, writeJson } from './passable.ts'
import { JSONParse, ObjectCreate, PromiseClass, StringPrototypeCharCodeAt } from './primordials.ts'

/** Kinds of what the kernel tells the cage, and of what the cage tells the kernel. The cage's own file agrees with them. */
export const OUT = { call: 1, log: 2, value: 3, fault: 4, begun: 5 } as const
export const IN = { start: 1, deliver: 2 } as const

/** The one native function that the kernel holds: strings and numbers only, and nothing comes back. */
export type Send = (kind: number, number: number, textA: string, textB: string, textC: string) => void

type Pending = { readonly origin: object | undefined; readonly settle: (ok: boolean, text: string, seq: number) => void }

/** The way out. One for each realm; made before guest code runs, and never reachable from it. */
export type Door = {
  /** Invokes an op; the promise is the guest's. */
  call(op: string, args: unknown, options: unknown): Promise<unknown>
  /** Invokes a control op; `settle` runs at its delivery. */
  control(op: string, args: string, settle: (ok: boolean) => void): void
  log(level: string, text: string): void
  /** Ends the run; only the first end counts, and nothing leaves afterwards. */
  finishWithValue(json: string): void
  finishWithFault(fault: string, errorJson: string, refused: number): void
  deliver(seq: number, ok: boolean, text: string): void
  isClosed(): boolean
}

const parseError = (text: string): Partial<GuestError> => {
  const facts = JSONParse(text) as Partial<GuestError> | null
  return { __proto__: null, ...(facts ?? {}) } as Partial<GuestError>
}

/** Reads `{ idempotencyKey }` of a call's options: printable ASCII, 1 to KEY_SIZE_MAX characters. */
const keyOf = (options: unknown): string => {
  if (options === undefined || options === null) return ''
  const key = (options as { idempotencyKey?: unknown }).idempotencyKey
  if (key === undefined) return ''
  const problem = makeCallError(
    { code: 'GUEST_ARGUMENTS', message: `idempotencyKey is not 1 to ${KEY_SIZE_MAX} printable ASCII characters`, gate: 'decode', retryable: false }, 0)
  if (typeof key !== 'string' || key.length === 0 || key.length > KEY_SIZE_MAX) throw problem
  for (let i = 0; i < key.length; i += 1) {
    const unit = StringPrototypeCharCodeAt(key, i)
    if (unit < 0x20 || unit > 0x7e) throw problem
  }
  return key
}

/** The arguments as JSON; absent arguments are an empty object, which is what a schema without parameters expects. */
const argumentsJson = (args: unknown): string => {
  if (args === undefined) return '{}'
  try {
    return writeJson(args, 'arguments', ARGUMENTS_SIZE_MAX)
  } catch (error) {
    const reason = unpassableOf(error)
    throw makeCallError({
      code: 'GUEST_UNPASSABLE', message: `The arguments cannot cross: ${reason?.message ?? 'they threw when they were read'}.`, gate: 'decode',
      hint: 'Pass strings, finite numbers, booleans, null, arrays and plain objects.', retryable: false,
    }, 0, markOrigin())
  }
}

/** Opens the door on the one native function. */
export const openDoor = (send: Send): Door => {
  const pending = ObjectCreate(null) as Record<number, Pending>
  let lastSeq = 0
  let closed = false

  const leave = (op: string, args: string, key: string, entry: Pending): void => {
    lastSeq += 1
    pending[lastSeq] = entry
    send(OUT.call, lastSeq, op, args, key)
  }

  return {
    call: (op, args, options) => new PromiseClass((resolve, reject) => {
      const key = keyOf(options)
      const text = argumentsJson(args)
      if (closed) return
      const origin = markOrigin()
      leave(op, text, key, {
        origin,
        settle: (ok, outcome, seq) => (ok ? resolve(JSONParse(outcome)) : reject(makeCallError(parseError(outcome), seq, origin))),
      })
    }),
    control: (op, args, settle) => {
      if (!closed) leave(op, args, '', { origin: undefined, settle })
    },
    log: (level, text) => {
      if (!closed) send(OUT.log, 0, level, text, '')
    },
    finishWithValue: (json) => {
      if (closed) return
      closed = true
      send(OUT.value, 0, json, '', '')
    },
    finishWithFault: (fault, errorJson, refused) => {
      if (closed) return
      closed = true
      send(OUT.fault, refused, fault, errorJson, '')
    },
    deliver: (seq, ok, text) => {
      const entry = pending[seq]
      if (entry === undefined || closed) return
      delete pending[seq]
      entry.settle(ok, text, seq)
    },
    isClosed: () => closed,
  }
}
