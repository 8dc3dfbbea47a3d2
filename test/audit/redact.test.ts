import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRedactor, redactFields } from '../../src/audit/redact.ts'

const MARK = '[redacted:key]'

const redactorOf = (value: string) => createRedactor(() => [{ name: 'key', value }])

const odd = fc.string({
  maxLength: 4,
  unit: fc.constantFrom('\\', '"', '%', '&', ';', '\n', 'n', 'u', '0', '#'),
})
const plain = fc.string({
  minLength: 8,
  maxLength: 40,
  unit: fc.constantFrom(...Array.from('abAB01-_+/=.~ ')),
})

/** Eight characters or more, as credentials are; some with characters that nobody would wish them to have. */
const secrets = fc
  .oneof(
    fc.string({ minLength: 8, maxLength: 60 }),
    fc.string({ minLength: 8, maxLength: 60, unit: 'binary' }),
    plain,
    fc.tuple(odd, plain, odd, plain, odd).map((parts) => parts.join('')),
    fc.string({ minLength: 8, maxLength: 24, unit: fc.constantFrom(...Array.from('0123456789')) }),
  )
  .filter((secret) => !MARK.includes(secret.toLowerCase()))

const surroundings = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '\\', '%', '"', '\\u00', '&#'),
)

const hex = (text: string): string => Buffer.from(text).toString('hex')
const eachUnit = (text: string, write: (code: number) => string): string =>
  Array.from({ length: text.length }, (_, at) => write(text.charCodeAt(at))).join('')
const padded = (code: number): string => code.toString(16).padStart(4, '0')

/** Encodings that leave most characters as they are, or none. */
const escapes: Readonly<Record<string, (text: string) => string>> = {
  'percent-encoded': (text) => encodeURIComponent(text.toWellFormed()),
  'percent-encoded twice': (text) => encodeURIComponent(encodeURIComponent(text.toWellFormed())),
  'percent-encoded, strictly': (text) =>
    encodeURIComponent(text.toWellFormed()).replaceAll(/[!'()*]/g, (one) => `%${hex(one)}`),
  'percent-encoded, every byte': (text) =>
    hex(text).replaceAll(/../g, (digits) => `%${digits.toUpperCase()}`),
  'a form field': (text) => new URLSearchParams({ q: text }).toString().slice(2),
  'JSON-escaped': (text) => JSON.stringify(text).slice(1, -1),
  'JSON-escaped twice': (text) => JSON.stringify(JSON.stringify(text)).slice(3, -3),
  'JSON-escaped, every character': (text) => eachUnit(text, (code) => `\\u${padded(code).toUpperCase()}`),
  'JSON-escaped with slashes': (text) => JSON.stringify(text).slice(1, -1).replaceAll('/', '\\/'),
  'in HTML, by name': (text) =>
    text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;'),
  'in HTML, by number': (text) => eachUnit(text, (code) => `&#${code};`),
  'in HTML, by hex number': (text) => eachUnit(text, (code) => `&#x${padded(code)};`),
  'in other letters, as header names are': (text) =>
    text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase()),
  'in hex': hex,
  'in hex, upper case': (text) => hex(text).toUpperCase(),
}

describe('text', () => {
  it('never holds a secret as it is, whatever stands around it', () => {
    fc.assert(
      fc.property(secrets, surroundings, surroundings, (secret, before, after) => {
        const shown = redactorOf(secret).text(before + secret + after)
        expect(shown).toContain(MARK)
        expect(shown.toLowerCase()).not.toContain(secret.toLowerCase())
      }),
      { numRuns: 500 },
    )
  })

  it.each(Object.keys(escapes))('never holds a secret %s', (kind) => {
    fc.assert(
      fc.property(secrets, surroundings, surroundings, (secret, before, after) => {
        const written = escapes[kind]?.(secret.toWellFormed()) ?? ''
        const shown = redactorOf(secret.toWellFormed()).text(`${before} ${written} ${after}`)
        expect(shown).toContain(MARK)
        expect(shown).not.toContain(written)
      }),
    )
  })

  it.each([
    ['base64', (bytes: Buffer) => bytes.toString('base64')],
    ['base64 for URLs', (bytes: Buffer) => bytes.toString('base64url')],
    ['base64 inside a URL', (bytes: Buffer) => encodeURIComponent(bytes.toString('base64'))],
    ['base64 in lines', (bytes: Buffer) => bytes.toString('base64').replaceAll(/.{19}/g, '$&\r\n')],
  ])('never holds a secret in %s, at any alignment', (_, encode) => {
    const bytes = fc.uint8Array({ maxLength: 5 })
    fc.assert(
      fc.property(secrets, bytes, bytes, (secret, before, after) => {
        const encoded = encode(Buffer.concat([before, Buffer.from(secret), after]))
        const shown = redactorOf(secret).text(encoded)
        const rest = Buffer.from(shown.replaceAll(MARK, ''), 'base64')
        expect(shown).toContain(MARK)
        expect(rest.includes(secret)).toBe(false)
        // What is left of it are the bits that its neighbours share.
        expect(shown.replace(MARK, '').length).toBeLessThan(encoded.length - secret.length)
      }),
      { numRuns: 300 },
    )
  })

  it('keeps what is no secret, and is the same when it is redacted again', () => {
    fc.assert(
      fc.property(surroundings, surroundings, (before, after) => {
        const redactor = redactorOf('tollgate-Secret-4711')
        expect(redactor.text(before + after)).toBe(before + after)
        const once = redactor.text(`${before} tollgate-Secret-4711 ${after}`)
        expect(once).toBe(`${before} ${MARK} ${after}`)
        expect(redactor.text(once)).toBe(once)
      }),
    )
  })

  it('names the secret, and leaves nothing standing of two that overlap', () => {
    const redactor = createRedactor(() => [
      { name: 'first', value: 'abcdefgh' },
      { name: 'second', value: 'efgh-and-a-long-tail' },
    ])
    expect(redactor.text('<abcdefgh-and-a-long-tail>')).toBe('<[redacted:first]>')
    expect(redactor.text('<efgh-and-a-long-tail>')).toBe('<[redacted:second]>')
  })
})

/** Every string of a JSON value, names included. */
const stringsOf = (value: unknown): string[] => {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return [String(value)]
  return Object.entries(value).flatMap(([name, member]) => [name, ...stringsOf(member)])
}

describe('JSON', () => {
  it('stays JSON without the secret, wherever it stood', () => {
    fc.assert(
      fc.property(secrets, surroundings, surroundings, fc.jsonValue(), (secret, before, after, other) => {
        const held = before + secret + after
        const value = { other, held, list: [held], [`${before}${secret}`]: 1, text: JSON.stringify({ held }) }
        const shown: unknown = JSON.parse(redactorOf(secret).json(JSON.stringify(value)))
        const strings = stringsOf(shown)
        expect(strings.filter((text) => text.includes(secret))).toEqual([])
        expect(strings.filter((text) => text.includes(JSON.stringify(secret).slice(1, -1)))).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  it('that holds no secret is left as it is, byte for byte', () => {
    fc.assert(
      fc.property(fc.json(), fc.integer({ min: 0, max: 8 }), (json, indent) => {
        const written = JSON.stringify(JSON.parse(json), null, indent)
        expect(redactorOf('tollgate-Secret-4711').json(written)).toBe(written)
      }),
    )
  })

  it.each([
    ['a match that would begin inside an escape', 'nfoobarbaz', '\nfoobarbaz'],
    ['a match that would begin inside a \\u escape', '0001abcd', '\u0001abcd'],
    ['a match across two strings', '","b":"x', 'x'],
  ])('is not torn by %s', (_, secret, text) => {
    const value = { a: text, b: text }
    expect(JSON.parse(redactorOf(secret).json(JSON.stringify(value)))).toEqual(value)
  })

  it('that carries bytes as base64 still does, without the secret', () => {
    for (const written of [
      'tollgate-Secret-4711',
      hex('tollgate-Secret-4711'),
      encodeURIComponent('tollgate-Secret-4711'),
    ]) {
      const bytes = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(`x ${written} y`)])
      const json = JSON.stringify({ body: { base64: bytes.toString('base64') } })
      const { body } = JSON.parse(redactorOf('tollgate-Secret-4711').json(json)) as {
        body: { base64: string }
      }
      expect(Buffer.from(body.base64, 'base64').toString('latin1')).toBe(`\xff\xfex ${MARK} y`)
    }
  })

  it('holds a mark where a number was a secret', () => {
    const redactor = redactorOf('1234567890123456')
    expect(JSON.parse(redactor.json('{"a":1234567890123456,"b":[-1234567890123456,12]}'))).toEqual({
      a: MARK,
      b: [`-${MARK}`, 12],
    })
  })

  it('holds no secret that was written in needless escapes', () => {
    const escaped = eachUnit('tollgate-Secret-4711', (code) => `\\u${padded(code)}`)
    expect(redactorOf('tollgate-Secret-4711').json(`{"a":"${escaped}"}`)).toBe(`{"a":"${MARK}"}`)
  })

  it.each(['{"a":"tollgate-Secret-4711', '"\\q tollgate-Secret-4711"', 'tollgate-Secret-4711'])(
    'that is none (%s) is redacted all the same',
    (broken) => {
      expect(redactorOf('tollgate-Secret-4711').json(broken)).not.toContain('Secret')
    },
  )
})

it('no text takes longer than its length: two megabytes of each are done', () => {
  const secret = 'sk-live/"4f9a+1c7b"'
  const redactor = createRedactor(() => [
    { name: 'key', value: secret },
    { name: 'other', value: 'a'.repeat(40) },
  ])
  const pieces = [
    '\\',
    '%25',
    '%',
    '&#0',
    '&amp;',
    '=\r\n',
    '\n',
    '"',
    '\\"',
    'a',
    '1',
    'a'.repeat(39),
    `${secret.slice(0, -1)}\\`,
  ]
  for (const piece of pieces) {
    const text = piece.repeat(Math.ceil((2 * 1024 * 1024) / piece.length))
    expect(redactor.text(text)).not.toContain(secret)
    expect(redactor.json(text)).not.toContain(secret)
  }
})

it('a redactor without secrets returns what it is given, and a flat record keeps what is no text', () => {
  const none = createRedactor(() => [])
  expect(none.text('a')).toBe('a')
  expect(none.json('{"a":1}')).toBe('{"a":1}')
  const fields = { message: 'sent tollgate-Secret-4711', seq: 4, ok: true }
  expect(redactFields(fields, redactorOf('tollgate-Secret-4711'))).toEqual({
    ...fields,
    message: `sent ${MARK}`,
  })
})
