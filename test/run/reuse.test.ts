import { describe, expect, it } from 'vitest'
import type { RunOptions, RunResult, Tollgate } from '../../src/index.ts'
import { openGateOf, withSetting } from './gates.ts'

const policy = {
  permissions: { tools: { note: { ask: 'never' } } },
  limits: { max_tool_calls: 10, max_duration_seconds: 5 },
}
/** Says how often this copy of the module and this realm have run. */
const COUNTING = `let module = 0
export default () => {
  module += 1
  globalThis.runs = (globalThis.runs ?? 0) + 1
  return [module, globalThis.runs]
}`

const tools = async () => {
  const [{ defineTool }, { z }] = await Promise.all([import('../../src/index.ts'), import('zod')])
  const notes: string[] = []
  const note = defineTool({
    name: 'note',
    description: 'Notes a text.',
    input: z.strictObject({ text: z.string() }),
    output: z.int(),
    effect: 'read',
    perform: async ({ text }) => notes.push(text),
  })
  return { notes, tools: [note] }
}

const withGate = async (
  use: (gate: Tollgate, notes: readonly string[]) => Promise<void>,
  replace?: Parameters<typeof openGateOf>[1],
): Promise<void> => {
  const { notes, tools: granted } = await tools()
  const gate = await openGateOf({ tools: granted }, replace)
  try {
    await use(gate, notes)
  } finally {
    await gate.close({ force: true })
  }
}

/** The values of runs, one after the other. */
const inTurn = async (gate: Tollgate, runs: readonly Partial<RunOptions>[]): Promise<unknown[]> => {
  const values: unknown[] = []
  for (const run of runs) values.push(valueOf(await gate.run({ code: COUNTING, policy, ...run })))
  return values
}
const valueOf = ({ status, value, error }: RunResult): unknown => (status === 'done' ? value : error?.code)

describe('a run takes over from the one before it', () => {
  it('nothing, unless it asks', () =>
    withGate(async (gate) => {
      expect(await inTurn(gate, [{}, {}, { reuse: 'context' }, {}])).toEqual(Array(4).fill([1, 1]))
    }))

  it("an isolate without any of the tool's state with 'context'", () =>
    withGate(async (gate) => {
      const runs = Array<Partial<RunOptions>>(5).fill({ reuse: 'context' })
      expect(await inTurn(gate, runs)).toEqual(Array(5).fill([1, 1]))
    }))

  it("the tool with its state with 'isolate'", () =>
    withGate(async (gate) => {
      const runs = Array<Partial<RunOptions>>(3).fill({ reuse: 'isolate' })
      expect(await inTurn(gate, runs)).toEqual([
        [1, 1],
        [2, 2],
        [3, 3],
      ])
      // One that does not ask sees none of it.
      expect(await inTurn(gate, [{}])).toEqual([[1, 1]])
    }))

  it('never what another principal, policy or tool left', () =>
    withGate(async (gate) => {
      const other = { ...policy, limits: { ...policy.limits, max_tool_calls: 9 } }
      const mine = { reuse: 'isolate' } as const
      const runs = [
        { ...mine, principal: 'ann' },
        { ...mine, principal: 'bob' },
        { ...mine, principal: 'ann', policy: other },
        { ...mine, principal: 'ann', code: `${COUNTING} // another` },
        { ...mine, principal: 'ann' },
      ]
      expect(await inTurn(gate, runs)).toEqual([
        [1, 1],
        [1, 1],
        [1, 1],
        [1, 1],
        [2, 2],
      ])
    }))

  it('what another principal left, if the pool did not keep them apart', () =>
    withGate(
      async (gate) => {
        const runs = ['ann', 'bob'].map((principal) => ({ reuse: 'isolate', principal }) as const)
        expect(await inTurn(gate, runs)).toEqual([
          [1, 1],
          [2, 2],
        ])
      },
      withSetting(({ pool }) => ({
        pool: {
          acquire: (demand, signal) => pool.acquire({ ...demand, principal: 'anybody' }, signal),
          close: () => pool.close(),
        },
      })),
    ))

  it('says so in the audit', () =>
    withGate(async (gate) => {
      await inTurn(gate, [{}, { reuse: 'context' }])
      const starts = (await gate.audit.read()).filter(({ event }) => event === 'run.started')
      expect(starts.map(({ facts }) => facts['reuse'])).toEqual([undefined, 'context'])
      expect(await gate.audit.verify()).toMatchObject({ intact: true })
    }))

  it('and is refused what is no such choice', () =>
    withGate(async (gate) => {
      const wrong = { code: COUNTING, policy, reuse: 'process' as 'context' }
      await expect(gate.run(wrong)).rejects.toMatchObject({ code: 'CONFIG_USAGE' })
    }))
})

describe("with 'context', an isolate does not fill up", () => {
  it.each(['', 'await null\n'])('with what earlier runs left on their globals: %j', (first) =>
    withGate(async (gate) => {
      const code = `${first}globalThis.left = Array.from({ length: 500_000 }, (_, n) => n + 0.5)
        export default () => left.length`
      for (let n = 0; n < 60; n += 1) {
        const { value, error } = await gate.run({ code, policy, reuse: 'context' })
        expect([n, value, error]).toEqual([n, 500_000, undefined])
      }
    }),
  )
})

describe('a promise that a run has left rejected', () => {
  const LEFT = {
    'an error': "void (async () => { throw new Error('x') })()",
    'a number': 'Promise.reject(7)',
    'two of them': 'Promise.reject(7); Promise.reject(8)',
    'a refused call': 'void tools.note({ text: 1 })',
  }

  it.each(Object.entries(LEFT))('costs the tool nothing: %s', (_, left) =>
    withGate(async (gate) => {
      const code = `let runs = 0
        export default async (_, { tools }) => { runs += 1; ${left}; await null; return runs }`
      const values = async (reuse: 'isolate' | 'context') =>
        await inTurn(gate, Array<Partial<RunOptions>>(4).fill({ code, reuse }))
      expect(await values('isolate')).toEqual([1, 2, 3, 4])
      expect(await values('context')).toEqual([1, 1, 1, 1])
    }),
  )

  it('is read at the cost of its own run, also when that never ends', () =>
    withGate(async (gate) => {
      const code = `export default (input) => {
        const error = new Error('x')
        Object.defineProperty(error, 'message', { get() { for (;;); } })
        if (input === 'first') Promise.reject(error)
        return 'said'
      }`
      const short = { ...policy, limits: { ...policy.limits, max_duration_seconds: 0.5 } }
      const run = { code, policy: short, reuse: 'context' } as const
      expect((await gate.run({ ...run, input: 'first' })).error?.code).toBe('LIMIT_DURATION')
      expect((await gate.run({ ...run, input: 'second' })).value).toBe('said')
    }))

  it('takes no neighbour along', () =>
    withGate(async (gate) => {
      const waiting = `export default async (_, { tools }) => {
        await tools.note({ text: 'paid' })
        await new Promise((resolve) => setTimeout(resolve, 400))
        return 'done'
      }`
      const neighbours = Array.from({ length: 4 }, () => gate.run({ code: waiting, policy }))
      const code = `let runs = 0; export default () => { runs += 1; Promise.reject(7); return runs }`
      for (let n = 0; n < 8; n += 1) await gate.run({ code, policy, reuse: n % 2 ? 'isolate' : 'context' })
      expect((await Promise.all(neighbours)).map(valueOf)).toEqual(Array(4).fill('done'))
    }))
})

describe("with 'isolate', a run leaves nothing that acts for it", () => {
  /** With an input it prepares the trap, without one it says what came of it. */
  const twice = async (gate: Tollgate, code: string): Promise<readonly RunResult[]> => {
    const first = await gate.run({ code, policy, input: 'first', reuse: 'isolate' })
    return [first, await gate.run({ code, policy, input: 'second', reuse: 'isolate' })]
  }

  it('no capability: a call through what an earlier run was handed is refused', () =>
    withGate(async (gate, notes) => {
      const code = `let kept
        export default async (input, { tools }) => {
          kept ??= tools
          return await kept.note({ text: input }).catch(({ code }) => code)
        }`
      const [first, second] = await twice(gate, code)
      expect([first?.value, second?.value]).toEqual([1, 'GUEST_OVER'])
      expect(second?.usage.calls).toBe(0)
      expect(notes).toEqual(['first'])
    }))

  it('no timer and no call that waits', () =>
    withGate(async (gate, notes) => {
      const code = `let fired = 0
        export default async (input, { tools }) => {
          if (input === 'first') {
            setTimeout(() => { fired += 1 }, 5)
            void tools.note({ text: 'late' }).then(() => { fired += 1 })
            return 0
          }
          await new Promise((resolve) => setTimeout(resolve, 60))
          return fired
        }`
      const [, second] = await twice(gate, code)
      expect(second?.value).toBe(0)
      expect(notes.length).toBeLessThanOrEqual(1)
    }))

  it('no work after its value: it counts, and when it does not end, the run does not either', () =>
    withGate(async (gate) => {
      const code = `let runs = 0
        const spin = async () => { for (;;) await null }
        export default async (input) => { runs += 1; if (input === 'first') Promise.resolve().then(() => Promise.resolve()).then(() => void spin()); return runs }`
      const short = { ...policy, limits: { ...policy.limits, max_duration_seconds: 0.5 } }
      const first = await gate.run({ code, policy: short, input: 'first', reuse: 'isolate' })
      const second = await gate.run({ code, policy: short, input: 'second', reuse: 'isolate' })
      expect([first.error?.code, second.value]).toEqual(['LIMIT_DURATION', 1])
      expect(first.usage.cpuMs).toBeGreaterThan(20)
    }))

  it('no state of the console', () =>
    withGate(async (gate) => {
      const code = `export default () => { console.count(); console.group('g'); console.log('x') }`
      const [first, second] = await twice(gate, code)
      expect(first?.logs.map(({ text }) => text)).toEqual(['default: 1', 'g', '  x'])
      expect(second?.logs.map(({ text }) => text)).toEqual(['default: 1', 'g', '  x'])
    }))

  it('nothing at all, when it did not end by a value', () =>
    withGate(async (gate) => {
      const code = `let runs = 0
        export default (input) => { runs += 1; if (input === 'first') throw new Error('x'); return runs }`
      const [first, second] = await twice(gate, code)
      expect(first?.error?.code).toBe('GUEST_THREW')
      expect(second?.value).toBe(1)
    }))

  it('and runs at the same time have copies of their own', () =>
    withGate(async (gate) => {
      const code = `let here = 0
        export default async () => {
          here += 1
          await new Promise((resolve) => setTimeout(resolve, 50))
          return here--
        }`
      const runs = await Promise.all(
        Array.from({ length: 6 }, () => gate.run({ code, policy, reuse: 'isolate' })),
      )
      expect(runs.map(({ value }) => value)).toEqual(Array(6).fill(1))
    }))
})
