import type { StubEntry } from '../abi/ops.ts'
import type { Door } from './door.ts'
import { define, ObjectCreate, ObjectFreeze, ObjectKeys } from './primordials.ts'

/** A stub as the guest sees it. */
export type Stub = (args?: unknown, options?: unknown) => Promise<unknown>
/** Null-prototype objects with stubs at their leaves. */
export type StubTree = { [name: string]: Stub | StubTree }

const makeStub = (door: Door, op: string, name: string): Stub => {
  const stub: Stub = (args, options) => door.call(op, args, options)
  define(stub, 'name', name)
  return ObjectFreeze(stub)
}

/** Builds the tree of stubs that the manifest lists: exactly the granted ops, each where the guest expects it. */
export const growStubs = (door: Door, stubs: readonly StubEntry[]): StubTree => {
  const root = ObjectCreate(null) as StubTree
  for (let i = 0; i < stubs.length; i += 1) {
    const { path, op } = stubs[i] as StubEntry
    let branch = root
    for (let k = 0; k < path.length - 1; k += 1) {
      const name = path[k] as string
      if (typeof branch[name] !== 'object') define(branch, name, ObjectCreate(null), true)
      branch = branch[name] as StubTree
    }
    const leaf = path[path.length - 1] as string
    define(branch, leaf, makeStub(door, op, leaf), true)
  }
  return root
}

/** Freezes a tree from its leaves up; functions are frozen where they are made. */
export const freezeTree = (tree: StubTree): StubTree => {
  const names = ObjectKeys(tree)
  for (let i = 0; i < names.length; i += 1) {
    const member = tree[names[i] as string]
    if (typeof member === 'object') freezeTree(member)
  }
  return ObjectFreeze(tree)
}
