import type { Asked, Door } from '../kernel/door.ts'
import { bytesOf, decodeBase64, encodeBase64, encodeUtf8 } from '../kernel/encoding.ts'
import { makeGuestError } from '../kernel/errors.ts'
import type { StubTree, Sugar } from '../kernel/stub.ts'

type Wire = { readonly text?: string; readonly base64?: string }

const openText = (result: unknown): unknown => (result as Wire).text
const openBytes = (result: unknown): unknown => decodeBase64((result as Wire).base64 ?? '') ?? encodeUtf8('')

/** Content as it crosses: a string, or bytes in base64. */
const bodyOf = (given: unknown): { text: string } | { base64: string } => {
  if (typeof given === 'string') return { text: given }
  const bytes = bytesOf(given)
  if (bytes === undefined)
    throw makeGuestError(
      'GUEST_ARGUMENTS',
      'The content of a file is a string, an ArrayBuffer or a typed array',
    )
  return { base64: encodeBase64(bytes) }
}

const asked = (args: object, options?: unknown): Asked => ({ args: { __proto__: null, ...args }, options })

const tree = (members: object): StubTree => ({ __proto__: null, ...members }) as unknown as StubTree

const sweetenRead = (door: Door): StubTree =>
  tree({
    readText: (path: unknown) => door.call('fs.read', () => asked({ path, as: 'text' }), openText),
    read: (path: unknown) => door.call('fs.read', () => asked({ path, as: 'base64' }), openBytes),
  })

/** An op whose one argument is a text. */
const sweetenOne =
  (verb: string, argument: string): Sugar =>
  (door) =>
    tree({
      [verb]: (value: unknown, options?: unknown) =>
        door.call(`fs.${verb}`, () => asked({ [argument]: value }, options)),
    })

const sweetenContent =
  (verb: string): Sugar =>
  (door) =>
    tree({
      [verb]: (path: unknown, content: unknown, options?: unknown) =>
        door.call(`fs.${verb}`, () => asked({ path, body: bodyOf(content) }, options)),
    })

const sweetenRename = (door: Door): StubTree =>
  tree({
    rename: (from: unknown, to: unknown, options?: unknown) =>
      door.call('fs.rename', () => asked({ from, to }, options)),
  })

/** The members of `fs`, by the op of the host that each is sugar for. */
export const FS_SUGARS: Readonly<Record<string, Sugar>> = {
  'fs.read': sweetenRead,
  'fs.list': sweetenOne('list', 'path'),
  'fs.stat': sweetenOne('stat', 'path'),
  'fs.exists': sweetenOne('exists', 'path'),
  'fs.glob': sweetenOne('glob', 'pattern'),
  'fs.write': sweetenContent('write'),
  'fs.append': sweetenContent('append'),
  'fs.mkdir': sweetenOne('mkdir', 'path'),
  'fs.remove': sweetenOne('remove', 'path'),
  'fs.rename': sweetenRename,
}
