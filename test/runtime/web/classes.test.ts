import { createHash } from 'node:crypto'
import { afterAll, describe, expect, it } from 'vitest'
import { runInNewContext } from 'node:vm'
import { PERMITTED_WEB as names } from '../../../runtime/permits.ts'
import { CRAWL, type Crawled } from '../crawl.ts'
import { driver, valueOf } from './running.ts'

afterAll(() => driver.close())

describe('the globals of the web', () => {
  it('are all there for a tool that names them', async () => {
    expect(await valueOf(`return [${names.map((name) => `typeof ${name}`).join()}]`)).toEqual(
      names.map((name) => (name === 'crypto' ? 'object' : 'function')),
    )
  })

  it('are not there for a tool that names none, and leave nothing behind for one that does', async () => {
    const list = 'return Object.getOwnPropertyNames(globalThis)'
    const bare = (await valueOf(list)) as string[]
    expect(bare.filter((name) => names.includes(name))).toEqual([])
    const full = (await valueOf(`// ${names.join(' ')}\n${list}`)) as string[]
    expect(full.toSorted()).toEqual([...bare, ...names].toSorted())
  })

  it('bring no native function that the bare language has not, and nothing of another realm', async () => {
    const nameOf = (found: string): string => found.slice(found.indexOf(' ') + 1)
    const bare = JSON.parse(runInNewContext(`${CRAWL}; JSON.stringify(crawl({}))`) as string) as Crawled
    const known = new Set(bare.natives.map(nameOf))
    const found = (await valueOf(
      `${CRAWL}; return crawl({ made: [new URL('a:b'), new Response('x').body, new AbortController()] }) /* ${names.join(' ')} */`,
    )) as Crawled
    expect(found.natives.filter((one) => !known.has(nameOf(one)))).toEqual([])
    expect([found.strangers, found.generators]).toEqual([[], []])
  })

  it('open no way to code from text', async () => {
    const makers = ['fetch', 'URL', 'ReadableStream', 'TextDecoder', 'structuredClone', 'AbortController']
    const tries = makers.map(
      (name) => `(() => { try { return ${name}.constructor('return 1')() } catch { return 0 } })()`,
    )
    expect(await valueOf(`return [${tries.join()}]`)).toEqual(makers.map(() => 0))
  })
})

describe('text and bytes', () => {
  it('are turned into each other', async () => {
    const body = `const bytes = new TextEncoder().encode('ü€𝄞')
      return [[...bytes], new TextDecoder().decode(bytes), new TextDecoder('utf-16le').decode(new Uint8Array([65, 0])), btoa('\\u00ff\\0a'), atob(' /wBh'), [...atob('YQ')].length]`
    expect(await valueOf(body)).toEqual([[...Buffer.from('ü€𝄞')], 'ü€𝄞', 'A', '/wBh', '\u00ff\0a', 1])
  })

  it.each(['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'])('have the digest %s', async (name) => {
    const texts = [
      '',
      'abc',
      'x'.repeat(55),
      'x'.repeat(56),
      'y'.repeat(111),
      'z'.repeat(112),
      'w'.repeat(300),
    ]
    const body = `const hex = async (text) => [...new Uint8Array(await crypto.subtle.digest('${name}', new TextEncoder().encode(text)))].map((b) => b.toString(16).padStart(2, '0')).join('')
      return Promise.all(${JSON.stringify(texts)}.map(hex))`
    const expected = texts.map((text) => createHash(name.replace('-', '')).update(text).digest('hex'))
    expect(await valueOf(body)).toEqual(expected)
  })
})

describe('crypto', () => {
  it('is virtual: the same seed gives the same identifiers', async () => {
    const body =
      'return [crypto.randomUUID(), crypto.randomUUID(), [...crypto.getRandomValues(new Uint8Array(4))]]'
    const [first, again] = [await valueOf(body), await valueOf(body)]
    expect(first).toEqual(again)
    expect((first as string[])[0]).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    )
  })
})

describe('abort, streams and clones', () => {
  it('ends signals once, with their reason', async () => {
    const body = `const c = new AbortController(), seen = []; c.signal.addEventListener('abort', () => seen.push(c.signal.reason))
      const any = AbortSignal.any([c.signal]); c.abort('why'); c.abort('again')
      return [seen, any.aborted, any.reason, AbortSignal.abort().reason.name, c.signal instanceof EventTarget]`
    expect(await valueOf(body)).toEqual([['why'], true, 'why', 'AbortError', true])
  })

  it('pipes streams through transforms', async () => {
    const body = `const stream = new ReadableStream({ start(c) { for (const n of [1, 2, 3]) c.enqueue(n); c.close() } })
      const doubled = stream.pipeThrough(new TransformStream({ transform: (n, c) => c.enqueue(n * 2) })), out = []
      for await (const n of doubled) out.push(n)
      return out`
    expect(await valueOf(body)).toEqual([2, 4, 6])
  })

  it('clones what can be cloned, and refuses functions', async () => {
    const body = `const a = { d: new Date(5), m: new Map([[1, new Set([2])]]), n: -0, u: undefined }; a.self = a
      const b = structuredClone(a); let refused; try { structuredClone(() => 1) } catch (error) { refused = error.name }
      return [b !== a, b.self === b, b.d.getTime(), [...b.m.get(1)], 'u' in b, refused]`
    expect(await valueOf(body)).toEqual([true, true, 5, [2], true, 'DataCloneError'])
  })
})

/** Our own table: Node's URL is what is compared with. */
const URLS = [
  ['HTTP://EXAMPLE.com:80/a/../b?x=1#f'],
  ['../c', 'https://a.example/x/y/z'],
  ['//b.example/p', 'https://a.example/'],
  ['https://user:pä@bücher.example/'],
  ['https://[::1]:8080/'],
  ['https://0x7f.1/'],
  ['https://a.example/%7Efoo/ä b'],
  ['mailto:a@b.example'],
  ['data:text/plain,hi'],
  ['?q', 'https://a.example/x?y#z'],
  ['#h', 'https://a.example/x?y#z'],
  ['https://a.example\\b\\c'],
  ['https://a.example:99999/'],
  ['nonsense'],
  ['https://a b/'],
  ['http://[1::2::3]/'],
  [' https://a.example/ '],
  ['https://a.example/\ta\nb'],
  ['blob:https://a.example/x'],
  ['file:///C|/x'],
] as const

describe('URL', () => {
  it.each(URLS)('reads %s as the platform does', async (...given) => {
    const keys = [
      'href',
      'origin',
      'protocol',
      'username',
      'password',
      'host',
      'pathname',
      'search',
      'hash',
    ] as const
    const native = ((): unknown => {
      try {
        const url = new globalThis.URL(given[0], given[1])
        return keys.map((key) => url[key])
      } catch {
        return 'TypeError'
      }
    })()
    const body = `try { const url = new URL(...${JSON.stringify(given)}); return ${JSON.stringify(keys)}.map((key) => url[key]) } catch (error) { return error.name }`
    expect(await valueOf(body)).toEqual(native)
  })
})
