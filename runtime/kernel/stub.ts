import type { StubEntry } from '../abi/ops.ts'
import type { Door } from './door.ts'
import { define, ObjectCreate, ObjectFreeze, ObjectKeys } from './primordials.ts'

/** A stub as the guest sees it. */
export type Stub = (args?: unknown, options?: unknown) => Promise<unknown>
/** Null-prototype objects with functions at their leaves. */
export type StubTree = { [name: string]: StubTree | ((...args: never[]) => unknown) }

/** What replaces a plain stub where the guest finds it: the same op under handier names. */
export type Sugar = (door: Door, op: string) => StubTree

/** What the sugar of an op goes by: the op, or, where its second part is a name of the policy, the op with a star there. */
const sugarKey = (op: string, path: readonly string[]): string =>
  path.length === 3 ? `${path[0]}.*.${path[2]}` : op

const makeStub = (door: Door, op: string, name: string): Stub => {
  const stub: Stub = (args, options) => door.call(op, () => ({ args, options }))
  define(stub, 'name', name)
  return ObjectFreeze(stub)
}

/** The object that holds the leaf, made where it is missing. */
const branchOf = (root: StubTree, path: readonly string[]): StubTree => {
  let branch = root
  for (let i = 0; i < path.length - 1; i += 1) {
    const name = path[i] as string
    if (typeof branch[name] !== 'object') define(branch, name, ObjectCreate(null), true)
    branch = branch[name] as StubTree
  }
  return branch
}

/** Freezes a tree from its leaves up. */
const freezeTree = (tree: StubTree): StubTree => {
  const names = ObjectKeys(tree)
  for (let i = 0; i < names.length; i += 1) {
    const member = tree[names[i] as string]
    if (typeof member === 'object') freezeTree(member)
    else ObjectFreeze(member)
  }
  return ObjectFreeze(tree)
}

/**
 * Builds the tree that the tool receives: exactly the granted ops, each where the guest expects it; what is not granted is not
 * there. An op with sugar brings all members of the sugar to the place of its stub.
 */
export const growStubs = (
  door: Door,
  stubs: readonly StubEntry[],
  sugars: Readonly<Record<string, Sugar>>,
): StubTree => {
  const root = ObjectCreate(null) as StubTree
  for (let i = 0; i < stubs.length; i += 1) {
    const { path, op } = stubs[i] as StubEntry
    const branch = branchOf(root, path)
    const leaf = path[path.length - 1] as string
    const sugar = sugars[sugarKey(op, path)]
    if (sugar === undefined) {
      define(branch, leaf, makeStub(door, op, leaf), true)
      continue
    }
    const members = sugar(door, op)
    const names = ObjectKeys(members)
    for (let k = 0; k < names.length; k += 1)
      define(branch, names[k] as string, members[names[k] as string], true)
  }
  return freezeTree(root)
}
