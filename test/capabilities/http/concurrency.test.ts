import { describe, expect, it } from 'vitest'
import { Slots } from '../../../src/capabilities/http/slots.ts'
import { drive, failureOf } from './driving.ts'
import { startHttp } from './servers.ts'

describe('max_concurrent', () => {
  it('bounds the requests that a run has under way, in turn', async () => {
    let [now, most] = [0, 0]
    const order: string[] = []
    const { port } = await startHttp((request, response) => {
      order.push(request.url ?? '')
      most = Math.max(most, (now += 1))
      setTimeout(() => {
        now -= 1
        response.end()
      }, 20)
    })
    const api = drive({ document: { allowed_domains: [`http://a.test:${port}`], max_concurrent: 2 } })
    const calls = Array.from({ length: 7 }, (_, at) => api.call({ url: `http://a.test:${port}/${at}` }))
    await Promise.all(calls)
    expect(most).toBe(2)
    expect(order.toSorted()).toEqual(['/0', '/1', '/2', '/3', '/4', '/5', '/6'])
    expect(order[6]).toBe('/6')
  })

  it('waiting for a place is not counted into the time of a call', async () => {
    const { port } = await startHttp((_, response) => {
      setTimeout(() => response.end(), 100)
    })
    const api = drive({ document: { allowed_domains: [`http://a.test:${port}`], max_concurrent: 1 } })
    const calls = [1, 2, 3].map(() => api.call({ url: `http://a.test:${port}/`, timeoutMs: 250 }))
    expect((await Promise.all(calls)).map(({ value }) => value.status)).toEqual([200, 200, 200])
  })

  it('a call that fails gives its place back', async () => {
    const api = drive({
      document: { allowed_domains: ['http://a.test'], max_concurrent: 1 },
      resolve: () => [],
    })
    for (let count = 0; count < 3; count += 1)
      expect((await failureOf(api.call({ url: 'http://a.test/' }))).code).toBe('UPSTREAM_DNS')
  })

  it('a call that waits when its run ends was not performed', async () => {
    const { port } = await startHttp(() => undefined)
    const api = drive({ document: { allowed_domains: [`http://a.test:${port}`], max_concurrent: 1 } })
    const ending = new AbortController()
    const calls = [1, 2].map(() =>
      failureOf(api.call({ method: 'GET', url: `http://a.test:${port}/` }, { signal: ending.signal })),
    )
    setTimeout(() => ending.abort(), 50)
    expect((await Promise.all(calls)).map(({ code, facts }) => [code, facts.notPerformed])).toEqual([
      ['UPSTREAM_TIMEOUT', undefined],
      ['UPSTREAM_TIMEOUT', true],
    ])
  })
})

describe('places', () => {
  const never = new AbortController().signal

  it('are given in the order of asking', async () => {
    const slots = new Slots(1)
    const order: number[] = []
    await slots.enter(never)
    const waiting = [1, 2, 3].map((one) => slots.enter(never).then(() => order.push(one)))
    for (let count = 0; count < 3; count += 1) {
      slots.leave()
      await new Promise(setImmediate)
    }
    await Promise.all(waiting)
    expect(order).toEqual([1, 2, 3])
  })

  it('are not lost with one that stops waiting', async () => {
    const slots = new Slots(1)
    const stopping = new AbortController()
    await slots.enter(never)
    const stopped = slots.enter(stopping.signal).catch((error: unknown) => error)
    const next = slots.enter(never)
    stopping.abort(new Error('stopped'))
    expect(await stopped).toEqual(new Error('stopped'))
    slots.leave()
    await next
    slots.leave()
    await slots.enter(never)
  })
})
