import { appendFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { AttackCase, World } from '../../src/attack/evidence.ts'
import { launchCage } from '../../src/cage/launch.ts'
import type { RunResult } from '../../src/index.ts'
import { weakCage } from '../cage/weak-cage.ts'
import { withoutWatch } from '../run/weak-parts.ts'
import { attack, CASES, expectBroken, named } from './breaking.ts'
import {
  buildOf,
  callLate,
  pretended,
  uncounting,
  weakHost,
  weakKernel,
  wrongAround,
  wrongCages,
  wrongPolicy,
  wrongResult,
  wrongTool,
} from './weak-builds.ts'

describe('where nothing is run at all, no case holds', () => {
  const endings: Readonly<Record<string, Partial<RunResult>>> = {
    'all is well': {},
    'all is called off': { status: 'cancelled' },
    'every cage is lost': {
      status: 'failed',
      error: { code: 'INTERNAL_CAGE_LOST', message: 'lost', gate: 'cage', retryable: true },
    },
  }
  it.each(Object.entries(endings))('and %s', { timeout: 60_000 }, async (_, result) => {
    await expectBroken(CASES, pretended(result), /./)
  })
})

describe('a kernel that is weaker', () => {
  it('by its lockdown', async () => {
    const entry = await weakCage('attack-no-lockdown', {
      'runtime/kernel/lockdown.ts': 'export const lockdown = () => {}',
    })
    await expectBroken(named('H01'), weakKernel(entry), /the guest got/)
  })

  it('by trusting the realm when it reads values', async () => {
    const entry = await weakCage('attack-trusting', {
      'runtime/kernel/passable.ts':
        'export const unpassableOf = () => undefined; export const writeJson = (value) => JSON.stringify(value)',
    })
    await expectBroken(named('H02', 'pass'), weakKernel(entry), /reached the host instead of/)
    await expectBroken(named('H02', 'return'), weakKernel(entry), /instead of/)
    await expectBroken(named('H04'), weakKernel(entry), /instead of|not the same/)
    await expectBroken(named('H08', 'pass'), weakKernel(entry), /instead of/)
  })

  it('by showing call sites', async () => {
    const entry = await weakCage('attack-open-stacks', {
      'runtime/kernel/stacks.ts':
        "export const closeStacks = () => {}; export const errorHeader = () => 'Error'",
    })
    await expectBroken(named('H05'), weakKernel(entry), /a stack shows the host/)
  })

  it('by leaving the door in reach', async () => {
    const entry = await weakCage('attack-open-door', {
      'runtime/kernel/stub.ts': `export const growStubs = (door, { stubs }) => { const root = Object.create(null); for (const { path, op } of stubs) {
        const branch = root[path[0]] ??= Object.create(null); branch[path[1]] = (args, options) => door.call(op, () => ({ args, options })); branch.door = door }
        return root }`,
    })
    await expectBroken(named('H07'), weakKernel(entry), /the guest got the door/)
  })

  it('by a clock that goes on', async () => {
    const entry = await weakCage('attack-no-clock', {
      'runtime/kernel/clock.ts':
        'export const installClock = () => ({ now: () => 0, start() {}, moveTo() {} })',
    })
    const [one] = named('H31')
    const { setup } = one as AttackCase
    // A realm without the kernel's clock has no `performance` either.
    const runs = (world: World) =>
      (setup?.runs(world) ?? []).map((run) => ({ ...run, code: run.code.replace('performance.now()', '0') }))
    await expectBroken(
      [{ ...one, setup: { ...setup, runs } } as AttackCase],
      weakKernel(entry),
      /a clock moved while the guest computed/,
    )
  })
})

describe('a host that is weaker', () => {
  it('by its watch', { timeout: 60_000 }, async () => {
    const blind = weakHost(withoutWatch)
    const endless = [
      ...named('H03', 'throw an error whose message'),
      ...named('H12', 'a loop after'),
      ...named('H12', 'a promise'),
      ...named('H13', 'indexOf'),
    ]
    await expectBroken(endless, blind, /still running when it was given up instead of LIMIT_DURATION/)
    await expectBroken(
      named('H12', 'a loop, under'),
      blind,
      /still running.*; the host measured \d\.\d\d s of CPU time/,
    )
    const [hoard] = named('H14', 'grow a hoard')
    const outcomes = await attack([hoard as AttackCase], blind, 20_000)
    expect(outcomes[0]?.happened).toMatch(/done instead of LIMIT_MEMORY; resident size of \d{3} MB/)
  })

  it('by its count of calls, of one grant and of all', async () => {
    await expectBroken(named('H15', 'a million calls, each'), uncounting(), /instead of LIMIT_TOOL_CALLS/)
    await expectBroken(named('H15', '10,000'), uncounting(), /instead of LIMIT_TOOL_CALLS/)
    const taskless = wrongAround((options, real) => {
      const { code = '', policy, principal = '' } = options
      return real({ code, policy, principal })
    })
    await expectBroken(named('H49', 'split'), taskless, /not exactly 3/)
    await expectBroken(named('H49', 'spend'), taskless, /not exactly 5/)
  })

  it('by what it compiles a policy to', async () => {
    const crowded = wrongPolicy(({ limits }) => ({ limits: { ...limits, maxConcurrentCalls: 1_000 } }))
    await expectBroken(named('H15', '1,000'), crowded, /more at once than the limit/)
    const unasked = wrongPolicy(() => ({ needsApproval: () => undefined }))
    await expectBroken(named('H49', 'spell'), unasked, /a request was sent/)
    await expectBroken(named('H50', 'let an'), unasked, /the page that needs an approval was reached/)
    await expectBroken(named('H50', 'hand'), unasked, /it was erased/)
    const roomy = wrongPolicy(({ limits }) => ({
      limits: { ...limits, maxOutputBytes: 2 ** 30, maxLogBytes: 2 ** 22 },
    }))
    await expectBroken(named('H15', '200,000'), roomy, /the log was not cut/)
  })

  it('by its judgement of frames', async () => {
    let seq = 0
    const lenient = wrongCages((cage) => {
      let { onFrame } = cage
      Object.defineProperty(cage, 'onFrame', {
        get: () => (frame: Parameters<typeof onFrame>[0], segments: readonly string[]) =>
          onFrame(
            frame.t === 'call' && frame.slot < 3 && segments[0]?.includes('forged') === true
              ? { ...frame, slot: 1, seq: (seq += 1), handle: 0 }
              : frame,
            segments,
          ),
        set: (next: typeof onFrame) => {
          onFrame = next
          seq = 0
        },
      })
    })
    await expectBroken(
      named('H57', 'a cage that sends a call that skips one'),
      lenient,
      /instead of GUEST_BREACH/,
    )
    await expectBroken(named('H57', 'a cage that sends a handle'), lenient, /1 calls were performed/)
  })

  it('by its box', async () => {
    const open = buildOf({ launch: (options) => launchCage({ ...options, hasPermissions: false }) })
    await expectBroken(
      named('H11'),
      open,
      /it could .*read a file of the host.*; the host was reached from inside/,
    )
  })
})

describe('a host that goes wrong', () => {
  const [loop, note, data] = [named('H12', 'a loop after'), named('H02', 'pass'), named('H09')]

  it('by stopping late', async () => {
    const late = wrongAround(async (options, real) => {
      const result = await real(options)
      await wait(1_500)
      return result
    })
    await expectBroken(loop, late, /^stopped after \d\.\d\d s, the deadline being 0\.30 s$/)
  })

  it('by holding everybody up', async () => {
    const blocking = wrongAround(async (options, real) => {
      const running = real(options)
      await wait(100)
      for (const endMs = performance.now() + 1_200; performance.now() < endMs;);
      return running
    })
    await expectBroken(note, blocking, /^the honest run beside it was kept waiting for \d\.\d\d s/, 10_000)
  })

  it('by taking the bystander along', async () => {
    const cages: { kill(): void }[] = []
    const build = wrongCages((cage) => void cages.push(cage))
    const open = wrongAround(async (options, real) => {
      cages[0]?.kill()
      const result = await real(options)
      await wait(200)
      return result
    })
    await expectBroken(note, { ...open, launch: build.launch }, /^the honest run beside it was taken along/)
  })

  it('by leaving the process alone', async () => {
    const undead = wrongCages((cage) => {
      const kill = cage.kill.bind(cage)
      cage.kill = () => void setTimeout(kill, 2_500)
    })
    await expectBroken(loop, undead, /of its processes live on/)
  })

  it('by serving nobody afterwards', async () => {
    let hasAttacked = false
    const build = buildOf({
      open: async (options) => {
        const gate = await buildOf().open(options)
        return {
          ...gate,
          audit: gate.audit,
          runs: gate.runs,
          close: (closing) => gate.close(closing),
          [Symbol.asyncDispose]: () => gate.close(),
          run: async (run) => {
            const isNext = hasAttacked && run.code === 'return "honest"'
            hasAttacked ||= run.code !== 'return "honest"' && run.principal !== 'bystander'
            const result = await gate.run(run)
            return isNext ? { ...result, status: 'failed' } : result
          },
        }
      },
    })
    await expectBroken(note, build, /^the run after it ended with failed$/)
  })

  it('by merging what it is sent into objects of its own', async () => {
    const merging = wrongTool('note', (args) => {
      const { data: sent } = args as { data: Record<string, unknown> }
      if (Object.hasOwn(sent, '__proto__'))
        Object.assign(Object.prototype, Object.getOwnPropertyDescriptor(sent, '__proto__')?.value)
    })
    try {
      await expectBroken(data, merging, /the host's own Object\.prototype was changed/)
    } finally {
      Reflect.deleteProperty(Object.prototype, 'polluted')
    }
  })

  it('by acting on calls after the end, and by mixing runs up', async () => {
    await expectBroken(named('H10', 'go on'), callLate(), /the guest got late/)
    const cages: { kill(): void }[] = []
    const build = wrongCages((cage) => void cages.push(cage))
    const restless = wrongAround(async (options, real) => {
      const result = await real(options)
      cages.at(-1)?.kill()
      await wait(500)
      return result
    })
    await expectBroken(named('H10', 'read'), { ...restless, launch: build.launch }, /did not share a process/)
  })

  it('by what it writes down', async () => {
    let auditLog = ''
    const careless = wrongAround(
      async (options, real) => {
        const result = await real(options)
        appendFileSync(auditLog, `the guest said: ${result.error?.message ?? ''}\n`)
        return result
      },
      (options) => {
        auditLog = options.auditLog ?? ''
        return options
      },
    )
    await expectBroken(named('H52'), careless, /not one whole, bounded, printable event/)
  })

  it('by what it hands to its caller', async () => {
    const text = 'x'.repeat(1e6)
    const uncut = wrongResult(({ error }) =>
      error === undefined ? {} : { error: { ...error, message: text } },
    )
    await expectBroken(named('H03', 'throw an error of'), uncut, /its text was not cut/)
    const leaky = wrongResult(() => ({ value: text }))
    await expectBroken(named('H15', 'a value of'), leaky, /a value came back/)
  })
})
