import type { Asked, Door } from '../kernel/door.ts'
import { isObject, ObjectHasOwn } from '../kernel/primordials.ts'
import type { StubTree, Sugar } from '../kernel/stub.ts'

type Found = { readonly found: boolean; readonly value: unknown }

const openFound = (result: unknown): unknown =>
  (result as Found).found ? (result as Found).value : undefined

const asked = (args: object, options?: unknown): Asked => ({ args: { __proto__: null, ...args }, options })

const tree = (members: object): StubTree => ({ __proto__: null, ...members }) as unknown as StubTree

const ownOf = (paging: unknown, name: string): unknown =>
  isObject(paging) && ObjectHasOwn(paging, name) ? (paging as Record<string, unknown>)[name] : undefined

const sweetenGet = (door: Door): StubTree =>
  tree({ get: (key: unknown) => door.call('kv.get', () => asked({ key }), openFound) })

const sweetenList = (door: Door): StubTree =>
  tree({
    list: (prefix: unknown, paging?: unknown) =>
      door.call('kv.list', () =>
        asked({ prefix, limit: ownOf(paging, 'limit'), after: ownOf(paging, 'after') }),
      ),
  })

const sweetenPut = (door: Door): StubTree =>
  tree({
    put: (key: unknown, value: unknown, options?: unknown) =>
      door.call('kv.put', () => asked({ key, value }, options), openNothing),
  })

const openNothing = (): undefined => undefined

const sweetenDelete = (door: Door): StubTree =>
  tree({
    delete: (key: unknown, options?: unknown) => door.call('kv.delete', () => asked({ key }, options)),
  })

/** The members of `kv`, by the op of the host that each is sugar for. */
export const KV_SUGARS: Readonly<Record<string, Sugar>> = {
  'kv.get': sweetenGet,
  'kv.list': sweetenList,
  'kv.put': sweetenPut,
  'kv.delete': sweetenDelete,
}
