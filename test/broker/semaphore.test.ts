import { describe, expect, it } from 'vitest'
import { Semaphore } from '../../src/broker/semaphore.ts'

const { signal: never } = new AbortController()

describe('a semaphore', () => {
  it('gives its places at once, and then to those who wait, first come first served', async () => {
    const semaphore = new Semaphore(2)
    const order: number[] = []
    expect([semaphore.acquire(never), semaphore.acquire(never)]).toEqual([undefined, undefined])
    const waiting = [1, 2, 3].map(async (n) => {
      await semaphore.acquire(never)
      order.push(n)
    })
    semaphore.release()
    semaphore.release()
    await Promise.all(waiting.slice(0, 2))
    expect(order).toEqual([1, 2])
    semaphore.release()
    await Promise.all(waiting)
    expect(order).toEqual([1, 2, 3])
  })

  it('forgets who stopped waiting, and gives the place to the next', async () => {
    const semaphore = new Semaphore(1)
    const cancel = new AbortController()
    void semaphore.acquire(never)
    const [first, second] = [semaphore.acquire(cancel.signal), semaphore.acquire(never)]
    cancel.abort(new Error('enough'))
    await expect(first).rejects.toThrow('enough')
    semaphore.release()
    await expect(second).resolves.toBeUndefined()
    semaphore.release()
    expect(semaphore.acquire(never)).toBeUndefined()
  })

  it('takes no place for a signal that has fired, and is not disturbed by one that fires too late', async () => {
    const semaphore = new Semaphore(1)
    const cancel = new AbortController()
    expect(() => semaphore.acquire(AbortSignal.abort(new Error('before')))).toThrow('before')
    void semaphore.acquire(never)
    const waiting = semaphore.acquire(cancel.signal)
    semaphore.release()
    await waiting
    cancel.abort()
    semaphore.release()
    expect(semaphore.acquire(never)).toBeUndefined()
    expect(semaphore.acquire(never)).toBeInstanceOf(Promise)
  })
})
