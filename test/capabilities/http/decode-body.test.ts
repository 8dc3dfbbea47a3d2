import { PassThrough, Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { readBody, readEncodings } from '../../../src/capabilities/http/decode-body.ts'
import { failureOf } from './driving.ts'
import { refusalOf } from './granting.ts'

const never = new AbortController().signal

describe('a body', () => {
  it('is read to its end and counted on the wire', async () => {
    const wire = gzipSync('hello')
    const { bytes, wireBytes } = await readBody(
      Readable.from([wire.subarray(0, 9), wire.subarray(9)]),
      ['gzip'],
      5,
      never,
    )
    expect([bytes.toString(), wireBytes]).toEqual(['hello', wire.length])
  })

  it('that is too large is destroyed at once', async () => {
    const source = new PassThrough()
    const reading = failureOf(readBody(source, [], 5, never))
    source.write('123456')
    expect((await reading).code).toBe('LIMIT_RESPONSE_SIZE')
    expect(source.destroyed).toBe(true)
  })

  it('that stops is destroyed at the signal', async () => {
    const source = new PassThrough()
    const ending = new AbortController()
    const reading = readBody(source, ['gzip'], 5, ending.signal)
    source.write(gzipSync('hello').subarray(0, 5))
    setTimeout(() => ending.abort(), 20)
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' })
    expect(source.destroyed).toBe(true)
  })

  it('that fails fails with what it failed with', async () => {
    const source = new PassThrough()
    const broken = new Error('broken')
    const reading = readBody(source, ['gzip'], 5, never)
    source.destroy(broken)
    await expect(reading).rejects.toBe(broken)
  })
})

describe('the codings of an answer', () => {
  it('are read from all its headers, in order', () => {
    const headers = [
      ['content-encoding', ' GZIP ,'],
      ['content-encoding', 'identity, br'],
    ] as const
    expect(readEncodings(headers)).toEqual(['gzip', 'br'])
  })

  it.each(['compress', 'gzip;q=1', '__proto__', 'toString', 'gzip, br, gzip'])(
    '%s is not understood',
    (value) => {
      expect(refusalOf(() => readEncodings([['content-encoding', value]])).code).toBe('UPSTREAM_PROTOCOL')
    },
  )
})
