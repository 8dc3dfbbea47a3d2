import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { launchCage, type Cage } from '../../src/cage/launch.ts'
import { defineTool, type RunOptions } from '../../src/index.ts'
import { openGateOf } from './gates.ts'

const waiting = new Map<string, () => void>()
/** Answers once the test lets it. */
const wait = defineTool({
  name: 'wait',
  description: 'Waits.',
  input: z.strictObject({ name: z.string() }),
  output: z.string(),
  effect: 'read',
  perform: ({ name }) =>
    new Promise((resolve) => {
      waiting.set(name, () => resolve(name))
    }),
})
const pay = defineTool({
  name: 'pay',
  description: 'Pays.',
  input: z.strictObject({}),
  output: z.null(),
  effect: 'write',
  perform: () => null,
})
const POLICY = {
  permissions: { tools: { wait: {}, pay: {} } },
  limits: { max_memory_mb: 32, max_duration_seconds: 20 },
}
const run = (name: string, code = 'return await tools.wait({ name: input })'): RunOptions => ({
  code,
  input: name,
  policy: POLICY,
})

const open = async (options: object = {}) => {
  const launched: Cage[] = []
  const launch = (): Cage => {
    const cage = launchCage()
    launched.push(cage)
    return cage
  }
  const gate = await openGateOf({ tools: [wait, pay], powers: { launchCage: launch }, ...options })
  return { gate, launched }
}
const isWaiting = async (...names: string[]): Promise<void> => {
  while (!names.every((name) => waiting.has(name))) await new Promise(setImmediate)
}
const release = (...names: string[]): void => {
  for (const name of names) {
    waiting.get(name)?.()
    waiting.delete(name)
  }
}

describe('runs of one principal and policy', () => {
  it('share a cage while they wait for the host, each with its own realm, calls and result', async () => {
    const { gate, launched } = await open()
    const names = Array.from({ length: 20 }, (_, n) => `run-${n}`)
    const running = names.map((name) =>
      gate.run(
        run(
          name,
          'globalThis.mine = input; const got = await tools.wait({ name: input }); return [got, globalThis.mine]',
        ),
      ),
    )
    await isWaiting(...names)
    expect(launched.length).toBeLessThanOrEqual(2)
    release(...names.toReversed())
    const results = await Promise.all(running)
    expect(results.map(({ value }) => value)).toEqual(names.map((name) => [name, name]))
    expect(results.every(({ usage }) => usage.calls === 1)).toBe(true)
    await gate.close()
  })

  it('never share one with another principal or under another policy', async () => {
    const { gate, launched } = await open()
    const running = [
      gate.run(run('a')),
      gate.run({ ...run('b'), principal: 'eve' }),
      gate.run({ ...run('c'), policy: { ...POLICY, name: 'other' } }),
    ]
    await isWaiting('a', 'b', 'c')
    expect(launched).toHaveLength(3)
    release('a', 'b', 'c')
    await Promise.all(running)
    await gate.close()
  })

  it('pay for the CPU time of their own only', async () => {
    const { gate } = await open()
    const idle = gate.run(run('idle'))
    await isWaiting('idle')
    const busy = await gate.run(
      run('busy', 'let sum = 0; for (let n = 0; n < 3e8; n += 1) sum += n % 7; return sum'),
    )
    release('idle')
    expect(busy.usage.cpuMs).toBeGreaterThan(100)
    expect((await idle).usage.cpuMs).toBeLessThan(busy.usage.cpuMs / 3)
    await gate.close()
  })
})

describe('a neighbour that breaks a limit', () => {
  const bomb = 'const held = []; for (;;) held.push(new Array(1e5).fill(held.length))'

  it('takes nobody along who had done nothing yet: the run starts again, alone, and is recorded so', async () => {
    const { gate, launched } = await open()
    const quiet = gate.run(run('quiet'))
    await isWaiting('quiet')
    waiting.delete('quiet')
    const [first] = launched
    first?.kill()
    // The cage is gone with nobody to blame but itself: this run was alone in it.
    expect((await quiet).error?.code).toBe('INTERNAL_CAGE_LOST')

    const again = gate.run(run('again'))
    await isWaiting('again')
    const stuck = gate.run({ ...run('stuck', 'for (;;);'), signal: AbortSignal.timeout(300) })
    expect((await stuck).status).toBe('cancelled')
    waiting.delete('again')
    await isWaiting('again')
    release('again')
    const result = await again
    expect(result.value).toBe('again')
    const events = (await gate.audit.read({ runId: result.runId })).map(({ event }) => event)
    expect(events).toContain('run.restarted')
    await gate.close()
  })

  it('takes along who had changed something, and that run says so instead of doing it twice', async () => {
    const { gate } = await open()
    const paid = gate.run(run('paid', 'await tools.pay({}); return await tools.wait({ name: input })'))
    await isWaiting('paid')
    const stuck = gate.run({ ...run('stuck', 'for (;;);'), signal: AbortSignal.timeout(300) })
    expect((await stuck).status).toBe('cancelled')
    const result = await paid
    expect([result.status, result.error?.code, result.error?.retryable]).toEqual([
      'failed',
      'INTERNAL_CAGE_LOST',
      true,
    ])
    release('paid')
    await gate.close()
  })

  it('is told its own limit, and the neighbour finishes', async () => {
    const { gate } = await open()
    const quiet = gate.run(run('quiet'))
    await isWaiting('quiet')
    const bombed = await gate.run(run('bomb', bomb))
    expect(bombed.error?.code).toBe('LIMIT_MEMORY')
    release('quiet')
    await sleep(200)
    release('quiet')
    expect((await quiet).status).toBe('done')
    await gate.close()
  })
})

describe('a run that only waits', () => {
  it('can be cancelled without harm to a neighbour that computes', async () => {
    const { gate } = await open()
    const cancel = new AbortController()
    const idle = gate.run({ ...run('idle'), signal: cancel.signal })
    await isWaiting('idle')
    const busy = gate.run(
      run(
        'busy',
        'await tools.pay({}); const end = 6e8; let sum = 0; for (let n = 0; n < end; n += 1) sum += n % 7; return sum',
      ),
    )
    await sleep(100)
    cancel.abort()
    expect((await idle).status).toBe('cancelled')
    expect((await busy).status).toBe('done')
    release('idle')
    await gate.close()
  })

  it('pays nothing for a neighbour that computes and prints', async () => {
    const { gate } = await open()
    const idle = gate.run(run('idle'))
    await isWaiting('idle')
    const busy = await gate.run(
      run(
        'busy',
        'console.log("begin"); let sum = 0; for (let n = 0; n < 3e8; n += 1) sum += n % 7; return sum',
      ),
    )
    release('idle')
    expect((await idle).usage.cpuMs).toBeLessThan(busy.usage.cpuMs / 3)
    await gate.close()
  })

  it('is not blamed when a cage dies while another run is being stopped', async () => {
    const { gate, launched } = await open()
    const quiet = gate.run(run('quiet'))
    await isWaiting('quiet')
    waiting.delete('quiet')
    const cancel = new AbortController()
    const stuck = gate.run({ ...run('stuck', 'for (;;);'), signal: cancel.signal })
    await sleep(100)
    cancel.abort()
    launched[0]?.kill()
    expect((await stuck).status).toBe('cancelled')
    await isWaiting('quiet')
    release('quiet')
    expect((await quiet).value).toBe('quiet')
    await gate.close()
  })
})

describe('a neighbour that computes for long', () => {
  it('is left behind by whoever waits for it and has done nothing yet', async () => {
    const { gate, launched } = await open()
    const quiet = gate.run(run('quiet'))
    await isWaiting('quiet')
    const spinning = new AbortController()
    const spinner = gate.run({ ...run('spinner', 'for (;;);'), signal: spinning.signal })
    await sleep(100)
    // Its answer waits behind the spinner, until it is tried again elsewhere.
    release('quiet')
    await isWaiting('quiet')
    release('quiet')
    const result = await quiet
    expect([result.status, result.value, result.usage.calls]).toEqual(['done', 'quiet', 1])
    expect(launched.length).toBeGreaterThanOrEqual(2)
    spinning.abort()
    expect((await spinner).status).toBe('cancelled')
    await gate.close()
  })

  it('and fat neighbours that have left are no fault of whoever stays', async () => {
    const { gate } = await open()
    const policy = { ...POLICY, limits: { max_memory_mb: 64, max_duration_seconds: 20 } }
    const quiet = gate.run({ ...run('quiet'), policy })
    await isWaiting('quiet')
    const fat = `const held = []; for (let n = 0; n < 4e5; n += 1) held.push({ n, list: [n] })
      await new Promise((resolve) => setTimeout(resolve, 200)); return held.length`
    const results = await Promise.all(
      Array.from({ length: 6 }, () => gate.run({ ...run('fat', fat), policy })),
    )
    expect(results.map(({ status }) => status)).toEqual(results.map(() => 'done'))
    await sleep(100)
    release('quiet')
    expect((await quiet).status).toBe('done')
    await gate.close()
  })
})
