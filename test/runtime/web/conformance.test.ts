import { runInThisContext } from 'node:vm'
import { afterAll, expect, it } from 'vitest'
import { driver, valueOf } from './running.ts'

afterAll(() => driver.close())

/** Expressions of our own, not the Web Platform Tests; Node's classes, written apart from these, say what each gives. */
const URL_SETS = ['protocol', 'username', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'].flatMap(
  (key) =>
    ['x', '', 'a b', '?#/@:', '8080', 'é', '%41', 'http'].map(
      (value) =>
        `(() => { const u = new URL('https://u:p@h.example:81/p?q#f'); u.${key} = ${JSON.stringify(value)}; return u.href })()`,
    ),
)
const QUERIES = [
  'a=b&c=d',
  '?a',
  '=b',
  '&&a==b',
  'a+b=%20',
  '%FE%FF=%',
  '%C2x',
  '%=%a&%61=1',
  'é=†',
  'a=1&a=2',
].map(
  (text) =>
    `[...new URLSearchParams(${JSON.stringify(text)})].concat(new URLSearchParams(${JSON.stringify(text)}).toString())`,
)
const DECODES = [
  [0xff],
  [0xc2],
  [0xe2, 0x82],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xef, 0xbb, 0xbf, 65],
].flatMap((bytes) => [
  `new TextDecoder().decode(new Uint8Array([${bytes.join()}]))`,
  `new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([${bytes.join()}]))`,
  `new TextDecoder('utf-16be').decode(new Uint8Array([${bytes.join()}]))`,
])
const BASE64 = ['', 'YQ', 'YQ=', 'YQ==', 'YQ===', ' Y Q ', 'a', '****', 'YWI=', 'Y=Q=', 'é'].map(
  (text) => `atob(${JSON.stringify(text)})`,
)
const HEADERS = [
  `[...new Headers({ B: ' x ', a: 1 })]`,
  `[...new Headers([['a', '1'], ['A', '2']])]`,
  `new Headers({ 'a b': '1' })`,
  `new Headers({ a: '\\n1\\nb' })`,
  `new Headers([['a']])`,
  `new Request('https://a.example/', { method: 'get', body: 'x' })`,
  `new Request('https://a.example/', { method: 'TRACE' })`,
  `new Request('https://a.example/').signal.aborted`,
  `new Request('https://a.example/', { signal: AbortSignal.abort('x') }).signal.reason`,
  `new Response('', { status: 204 })`,
  `new Response('', { status: 199 })`,
  `Response.redirect('https://a.example/', 301).status`,
]
const CLONES = [
  '[1,,3]',
  '{ a: undefined }',
  'new Map([[{}, 1]]).size',
  '() => 1',
  'Symbol()',
  'new Uint8Array([1, 2])',
  'Object(1)',
].map((value) => `structuredClone(${value.startsWith('{') ? `(${value})` : value})`)
const TABLE = [...URL_SETS, ...QUERIES, ...DECODES, ...BASE64, ...HEADERS, ...CLONES]

/** What is known to differ, by its text. */
const EXPECTED_TO_DIFFER: readonly string[] = []

const tell = (expression: string): string =>
  `(() => { try { return JSON.stringify(${expression}) ?? 'undefined' } catch (error) { return 'threw' } })()`

it(`agrees with the platform in a table of ${TABLE.length} expressions, but for what is listed`, async () => {
  const inside = (await valueOf(`return [${TABLE.map(tell).join()}]`)) as string[]
  const outside = TABLE.map((expression) => runInThisContext(tell(expression)) as string)
  expect(outside.filter((told) => told === 'threw').length).toBeLessThan(TABLE.length / 2)
  const differing = TABLE.filter((_, i) => inside[i] !== outside[i])
  expect(differing).toEqual(EXPECTED_TO_DIFFER)
})
