import type { Branch, StubEntry, StubManifest } from '../abi/ops.ts'
import type { Door } from './door.ts'
import { define, ObjectCreate, ObjectFreeze, ObjectKeys } from './primordials.ts'

/** A stub as the guest sees it. */
export type Stub = (args?: unknown, options?: unknown) => Promise<unknown>
/** Null-prototype objects with functions at their leaves. */
export type StubTree = { [name: string]: StubTree | ((...args: never[]) => unknown) }

/** What replaces a plain stub where the guest finds it: the same op under handier names. */
export type Sugar = (door: Door, op: string) => StubTree

type Sugars = Readonly<Record<string, Sugar>>

/** What the sugar of an op goes by: the op, or, where its second part is a name of the policy, the op with a star there. */
const sugarKey = (op: string, path: readonly string[]): string =>
  path.length === 3 ? `${path[0]}.*.${path[2]}` : op

const makeStub = (door: Door, op: string, name: string): Stub => {
  const stub: Stub = (args, options) => door.call(op, () => ({ args, options }))
  define(stub, 'name', name)
  return ObjectFreeze(stub)
}

/** The object at the first names of a path, made where it is missing. */
const branchOf = (root: StubTree, path: readonly string[], depth: number): StubTree => {
  let branch = root
  for (let i = 0; i < depth; i += 1) {
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

/** Puts an op where the guest finds it; one with sugar brings all members of the sugar to the place of its stub. */
const addStub = (branch: StubTree, door: Door, { path, op }: StubEntry, sugars: Sugars): void => {
  const leaf = path[path.length - 1] as string
  const sugar = sugars[sugarKey(op, path)]
  if (sugar === undefined) return define(branch, leaf, makeStub(door, op, leaf), true)
  const members = sugar(door, op)
  const names = ObjectKeys(members)
  for (let k = 0; k < names.length; k += 1)
    define(branch, names[k] as string, members[names[k] as string], true)
}

const isOf = (path: readonly string[], { path: branch }: Branch): boolean => {
  if (path.length !== branch.length + 1) return false
  for (let i = 0; i < branch.length; i += 1) if (path[i] !== branch[i]) return false
  return true
}

/**
 * `only()` of a branch: the same object once more, whose calls go through a weaker handle. It throws at once what it cannot send;
 * what the host makes of the caveats shows at the first call. It is no op, so whoever lists those of an object does not meet it.
 */
const makeOnly = (door: Door, branch: Branch, stubs: readonly StubEntry[], sugars: Sugars) => {
  const only = (caveats?: unknown): StubTree => {
    const weaker = door.weaken(branch.at, caveats)
    const tree = ObjectCreate(null) as StubTree
    for (let i = 0; i < stubs.length; i += 1) {
      const stub = stubs[i] as StubEntry
      if (isOf(stub.path, branch)) addStub(tree, weaker, stub, sugars)
    }
    const revoke = (): void => weaker.revoke()
    define(tree, 'only', makeOnly(weaker, branch, stubs, sugars))
    define(tree, 'revoke', ObjectFreeze(revoke))
    return freezeTree(tree)
  }
  return ObjectFreeze(only)
}

/**
 * Builds the tree that the tool receives: exactly the granted ops, each where the guest expects it; what is not granted is not
 * there.
 */
export const growStubs = (door: Door, { stubs, branches }: StubManifest, sugars: Sugars): StubTree => {
  const root = ObjectCreate(null) as StubTree
  for (let i = 0; i < stubs.length; i += 1) {
    const stub = stubs[i] as StubEntry
    addStub(branchOf(root, stub.path, stub.path.length - 1), door, stub, sugars)
  }
  for (let i = 0; i < branches.length; i += 1) {
    const branch = branches[i] as Branch
    const holder = branchOf(root, branch.path, branch.path.length)
    define(holder, 'only', makeOnly(door, branch, stubs, sugars))
  }
  return freezeTree(root)
}
