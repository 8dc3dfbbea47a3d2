import { OUTPUT_SIZE_MAX } from '../abi/crossing.ts'
import type { Fault } from '../abi/frames.ts'
import type { Door } from './door.ts'
import { describeError, errorJson, isAllocationFailure, refusedSeq } from './errors.ts'
import { unpassableOf, writeJson } from './passable.ts'
import { privatePromise, PromisePrototypeThen } from './primordials.ts'
import type { StubTree } from './stub.ts'

type Main = (input: unknown, capabilities: StubTree) => unknown

const fail = (door: Door, fault: Fault, message: string): void =>
  door.finishWithFault(fault, errorJson({ name: 'Error', message, stack: '' }), 0)

const finishWithError = (door: Door, error: unknown): void => {
  const described = describeError(error)
  const fault: Fault = isAllocationFailure(described) ? 'memory' : 'threw'
  door.finishWithFault(fault, errorJson(described), fault === 'threw' ? refusedSeq(error) : 0)
}

const finishWithValue = (door: Door, value: unknown): void => {
  let json: string
  try {
    json = writeJson(value, 'value', OUTPUT_SIZE_MAX)
  } catch (error) {
    const reason = unpassableOf(error)
    const message = reason?.message ?? 'value threw when it was read'
    return fail(
      door,
      reason?.tooLarge === true ? 'output' : 'unpassable',
      `The tool returned what cannot cross: ${message}.`,
    )
  }
  door.finishWithValue(json)
}

/** Calls the tool's default export and sees its outcome out through the door, whenever it comes. */
export const runProgram = (door: Door, tool: object, input: unknown, capabilities: StubTree): void => {
  // A module's namespace: reading it runs no code.
  const main = (tool as { default?: unknown }).default
  if (typeof main !== 'function') {
    const found =
      main === undefined
        ? 'has no default export'
        : `has a default export that is ${main === null ? 'null' : `a ${typeof main}`}`
    return fail(
      door,
      'no_default_export',
      `The tool ${found}; it must be a function: export default (input, capabilities) => …`,
    )
  }
  const outcome = privatePromise((resolve) => resolve((main as Main)(input, capabilities)))
  void PromisePrototypeThen(
    outcome,
    (value) => finishWithValue(door, value),
    (error) => finishWithError(door, error),
  )
}
