import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { launchCage, type Cage } from '../../src/cage/launch.ts'
import { TollgateError, type RunOptions, type RunResult, type Tollgate } from '../../src/index.ts'
import { openGateOf } from './gates.ts'
import { until } from './until.ts'

/** Launches real cages and remembers them. */
class Launcher {
  readonly cages: Cage[] = []
  /** So many of the next launches fail. */
  failures = 0

  readonly launchCage = (): Cage => {
    if (this.failures > 0) {
      this.failures -= 1
      throw new TollgateError('INTERNAL_CAGE_START', 'No more processes.', { gate: 'cage' })
    }
    const cage = launchCage()
    this.cages.push(cage)
    return cage
  }
}

const open = async (options: object = {}): Promise<{ gate: Tollgate; launcher: Launcher }> => {
  const launcher = new Launcher()
  return { launcher, gate: await openGateOf({ powers: { launchCage: launcher.launchCage }, ...options }) }
}
const ONE: RunOptions = { code: 'return 1', policy: {} }

describe('a cage', () => {
  it('serves one principal under one policy, again and again, and nobody else', async () => {
    const { gate, launcher } = await open()
    const options: RunOptions[] = [
      ONE,
      ONE,
      { ...ONE, code: 'throw 1' },
      ONE,
      { ...ONE, principal: 'eve' },
      { ...ONE, policy: { name: 'other' } },
      ONE,
      { ...ONE, principal: 'eve' },
    ]
    const launched = []
    for (const one of options) {
      await gate.run(one)
      launched.push(launcher.cages.length)
    }
    expect(launched).toEqual([1, 1, 1, 1, 2, 3, 3, 3])
    await gate.close()
  })

  it('stays while it is used, however many strangers come and go', async () => {
    const { gate, launcher } = await open()
    const strangers = 2 * availableParallelism() + 3
    for (let n = 0; n < strangers; n += 1) {
      await gate.run(ONE)
      await gate.run({ ...ONE, principal: `stranger ${n}` })
    }
    expect(launcher.cages.length).toBe(1 + strangers)
    await gate.close()
  })

  it('is kept ready for strangers: one as a rule, more while some find none, within the memory', async () => {
    const started = async (options: object): Promise<number> => {
      const { gate, launcher } = await open(options)
      const strangers = Array.from({ length: 3 }, (_, n) => ({ ...ONE, principal: `stranger ${n}` }))
      await Promise.all(strangers.map((one) => gate.run(one)))
      let before = -1
      // Until no more are started.
      while (before < launcher.cages.length) {
        before = launcher.cages.length
        await sleep(300)
      }
      await gate.close()
      return before - strangers.length
    }
    expect(await started({ spareCages: 1 })).toBeGreaterThan(1)
    expect(await started({ spareCages: 1, memoryMbMax: 512 })).toBe(1)
    expect(await started({ spareCages: 0 })).toBe(0)
  })

  it.each([
    'for (;;);',
    'const a = []; for (;;) a.push(new Uint8Array(2 ** 20).fill(1))',
    'await new Promise(() => undefined)',
  ])('is not used again after a limit: %s', async (code) => {
    const { gate, launcher } = await open()
    const policy = { limits: { max_duration_seconds: 0.3, max_memory_mb: 32 } }
    await gate.run({ code, policy })
    expect((await gate.run({ code: 'return 1', policy })).value).toBe(1)
    expect(launcher.cages).toHaveLength(2)
    await gate.close()
  })

  it('gives each run a realm of its own', async () => {
    const { gate, launcher } = await open()
    const code = `const seen = [globalThis.left, Array.prototype.left, Object.prototype.left, [].map === evil]
      function evil() {}
      globalThis.left = Array.prototype.left = Object.prototype.left = 1; Array.prototype.map = evil
      return [...seen].flatMap((one) => one ?? null)`
    for (let n = 0; n < 3; n += 1)
      expect((await gate.run({ code, policy: {} })).value).toEqual([null, null, null, false])
    expect(launcher.cages).toHaveLength(1)
    await gate.close()
  })

  it('that died while it was idle is replaced', async () => {
    const { gate, launcher } = await open()
    await gate.run(ONE)
    const [cage] = launcher.cages
    const gone = new Promise<void>((resolve) => {
      const { onExit } = cage as Cage
      Object.assign(cage as Cage, {
        onExit: (exit: Parameters<Cage['onExit']>[0]) => (onExit(exit), resolve()),
      })
    })
    process.kill(cage?.pid ?? 0, 'SIGKILL')
    await gone
    expect((await gate.run(ONE)).value).toBe(1)
    expect(launcher.cages).toHaveLength(2)
    await gate.close()
  })

  it.each([
    ['SIGKILL', 'INTERNAL_CAGE_LOST', true],
    ['SIGSEGV', 'GUEST_CRASHED', false],
  ] as const)('that ends by %s in the middle of a run is %s', async (signal, code, retryable) => {
    const { gate, launcher } = await open()
    const kill = (): void => void process.kill(launcher.cages[0]?.nodePid() ?? 0, signal)
    const { error } = await gate.run({
      code: 'console.log("x"); await new Promise(() => undefined)',
      policy: {},
      onEvent: kill,
    })
    expect(error).toMatchObject({ code, gate: 'cage', retryable })
    expect((await gate.run(ONE)).value).toBe(1)
    await gate.close()
  })

  it('that cannot be started is INTERNAL_CAGE_START; its place is free again', async () => {
    const { gate, launcher } = await open({ concurrentRunsMax: 1 })
    launcher.failures = 3
    for (let n = 0; n < 3; n += 1)
      expect((await gate.run(ONE)).error).toMatchObject({ code: 'INTERNAL_CAGE_START', gate: 'cage' })
    expect((await gate.run(ONE)).value).toBe(1)
    await gate.close()
  })

  it('that ends before it is ready is INTERNAL_CAGE_START', async () => {
    const launch = (): Cage => {
      const cage = launchCage()
      process.kill(cage.pid, 'SIGKILL')
      return cage
    }
    await using gate = await openGateOf({ powers: { launchCage: launch } })
    expect((await gate.run(ONE)).error).toMatchObject({
      code: 'INTERNAL_CAGE_START',
      gate: 'cage',
      message: expect.stringContaining('SIGKILL') as string,
    })
  })
})

describe('places', () => {
  it('bound how many runs go on at once; the others wait their turn', async () => {
    const { gate, launcher } = await open({ concurrentRunsMax: 2 })
    let [atOnce, most] = [0, 0]
    const onEvent = (event: { kind: string; text?: string }): void => {
      if (event.kind !== 'log') return
      atOnce += event.text === 'begin' ? 1 : -1
      most = Math.max(most, atOnce)
    }
    const code =
      'console.log("begin"); await new Promise((resolve) => setTimeout(resolve, 20)); console.log("end"); return input'
    const results = await Promise.all(
      Array.from({ length: 9 }, (_, n) => gate.run({ code, input: n, policy: {}, onEvent })),
    )
    expect(results.map(({ value }: RunResult) => value)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
    expect(most).toBe(2)
    expect(launcher.cages.length).toBeLessThanOrEqual(2)
    await gate.close()
  })
})

describe('spares', () => {
  it('are started before they are needed, and again when they were', async () => {
    const { gate, launcher } = await open({ spareCages: 2 })
    await until(() => launcher.cages.length >= 2)
    await gate.run(ONE)
    await until(() => launcher.cages.length >= 3)
    await gate.run({ ...ONE, principal: 'eve' })
    await until(() => launcher.cages.length >= 4)
    await gate.run(ONE)
    await new Promise(setImmediate)
    expect(launcher.cages).toHaveLength(4)
    await gate.close()
  })
})
