import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { createHttpPowers } from '../../../src/run/http-powers.ts'
import { startRaw } from './servers.ts'

const never = new AbortController().signal

describe('the powers of a real run', () => {
  it('resolve a name to all its addresses', async () => {
    const addresses = await createHttpPowers().resolve('localhost', never)
    expect(addresses.length).toBeGreaterThan(0)
    expect(addresses.every((address) => address === '127.0.0.1' || address === '::1')).toBe(true)
  })

  it('reject for a name that nobody has', async () => {
    await expect(createHttpPowers().resolve('no-such-name.invalid', never)).rejects.toThrow(
      'no-such-name.invalid',
    )
  })

  it('stop waiting for the resolver at the signal', async () => {
    const reason = new Error('over')
    await expect(createHttpPowers().resolve('localhost', AbortSignal.abort(reason))).rejects.toBe(reason)
    const ending = new AbortController()
    const waiting = createHttpPowers().resolve('localhost', ending.signal)
    ending.abort(reason)
    await expect(waiting).rejects.toBe(reason)
  })

  it('dial an address', async () => {
    const { port } = await startRaw((socket) => socket.end('hello'))
    const socket = createHttpPowers().dial('127.0.0.1', port)
    socket.write('x')
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    expect(chunk.toString()).toBe('hello')
    socket.destroy()
  })

  it.each(['localhost', 'example.com', '', '127.1', '0x7f000001', '2130706433'])(
    'never dial a name: %j',
    (name) => {
      expect(() => createHttpPowers().dial(name, 80)).toThrow('not a name')
    },
  )
})
