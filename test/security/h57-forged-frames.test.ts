import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { launchCage, type Cage } from '../../src/cage/launch.ts'
import {
  defineTool,
  type AuditRecord,
  type HostTool,
  type RunResult,
  type Tollgate,
} from '../../src/index.ts'
import { Bystander } from '../run/bystander.ts'
import { openGateOf } from '../run/gates.ts'
import { until } from '../run/until.ts'

const HOSTILE = join(import.meta.dirname, 'h57-hostile-cage.mjs')
/** The names of all attacks that the hostile cage knows. */
const known = (): string[] =>
  [...readFileSync(HOSTILE, 'utf8').matchAll(/^ {2}'?([^'\n]+?)'?: \(\) =>/gm)].map(([, name = '']) => name)

/** Attacks that end otherwise than as a breach: they tell lies that only harm the liar, or nothing at all. */
const OTHERS: Readonly<Record<string, Partial<RunResult['error'] & object>>> = {
  'a refusal that never was': { code: 'GUEST_THREW', gate: 'cage' },
  'a refusal of a call that was allowed': { code: 'GUEST_THREW', gate: 'cage' },
  'a code of ours': { code: 'GUEST_THREW', gate: 'cage' },
  'an error that is no JSON': { code: 'GUEST_THREW', gate: 'cage' },
  'half a frame': { code: 'LIMIT_DURATION', gate: 'watchdog' },
  'half a frame and the end': { code: 'INTERNAL_CAGE_LOST', gate: 'cage' },
  silence: { code: 'LIMIT_DURATION', gate: 'watchdog' },
}
/** Attacks on a run that has ended well already. */
const LATE = { 'calls after the end': 'done', 'two ends': 1 }
const breaches = known().filter((name) => !(name in OTHERS) && !(name in LATE) && name !== 'behave')

const counter = (performed: unknown[]): HostTool[] => [
  defineTool({
    name: 'count',
    description: 'Counts.',
    input: z.looseObject({}),
    output: z.number(),
    effect: 'read',
    perform: (args) => performed.push(args),
  }),
  defineTool({
    name: 'giant',
    description: 'Answers at length.',
    input: z.looseObject({}),
    output: z.string(),
    effect: 'read',
    perform: () => 'x'.repeat(30 * 2 ** 20),
  }),
]

type Attacked = {
  readonly result: RunResult
  readonly records: readonly AuditRecord[]
  readonly performed: readonly unknown[]
  /** The process that attacked. */
  readonly pid: number
  readonly next: RunResult
}

const POLICY = {
  permissions: { tools: { count: {}, giant: {} } },
  limits: { max_duration_seconds: 1, max_tool_calls: 50 },
}

/** A gate with an honest run that goes on, where single runs are served by the hostile cage. */
class Arena implements AsyncDisposable {
  readonly #performed: unknown[] = []
  readonly #bystander = new Bystander()
  readonly #weaken: (cage: Cage) => Cage
  readonly #gate: Promise<Tollgate>
  #attack: string | undefined
  #attacks = 0
  #pid = 0

  constructor(weaken: (cage: Cage) => Cage = (cage) => cage) {
    this.#weaken = weaken
    this.#gate = this.#open()
  }

  async #open(): Promise<Tollgate> {
    const tools = [this.#bystander.tool, ...counter(this.#performed)]
    const gate = await openGateOf({
      tools,
      concurrentRunsMax: 4,
      powers: { launchCage: () => this.#launch() },
    })
    await this.#bystander.start(gate)
    return gate
  }

  #launch(): Cage {
    if (this.#attack === undefined) return launchCage()
    const cage = launchCage({ entry: HOSTILE, argument: this.#attack })
    this.#attack = undefined
    this.#pid = cage.pid
    return this.#weaken(cage)
  }

  /** One run in the hostile cage, and after it an honest one, for the same principal or for another. */
  async attacked(attack: string, isNextOther = false): Promise<Attacked> {
    const gate = await this.#gate
    this.#attacks += 1
    this.#attack = attack
    this.#performed.length = 0
    const principal = `mallory-${this.#attacks}`
    const result = await gate.run({ code: 'return 1', policy: POLICY, principal })
    const performed = [...this.#performed]
    const next = await gate.run({
      code: 'return "next"',
      policy: POLICY,
      principal: isNextOther ? 'other' : principal,
    })
    const records = await gate.audit.read({ runId: result.runId })
    return { result, records, performed, pid: this.#pid, next }
  }

  /** How the honest run fared, and whether the audit is whole. */
  async verdict(): Promise<{ readonly status: string; readonly answered: number; readonly intact: boolean }> {
    const gate = await this.#gate
    const { status } = await this.#bystander.stop()
    const { intact } = await gate.audit.verify()
    return { status, answered: this.#bystander.answered, intact }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#gate).close({ force: true })
  }
}

const isAlive = (pid: number): boolean => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}

describe('a cage that sends what no cage sends', () => {
  const arena = new Arena()
  afterAll(() => arena[Symbol.asyncDispose]())

  it('is known in more than forty forms', () => {
    expect(breaches.length).toBeGreaterThan(40)
  })

  it.each(breaches)('is ended and recorded, and the next run works: %s', async (attack) => {
    const { result, records, performed, next } = await arena.attacked(attack)
    expect(result.status).toBe('failed')
    expect(result.error).toMatchObject({ code: 'GUEST_BREACH', gate: 'cage' })
    expect(records.filter(({ event }) => event === 'breach')).toHaveLength(1)
    expect(records.at(-1)).toMatchObject({ event: 'run.ended', facts: { code: 'GUEST_BREACH' } })
    expect(performed.length).toBeLessThanOrEqual(2)
    expect(next.value).toBe('next')
  })

  it.each(Object.entries(OTHERS))('tells a lie that gains nothing: %s', async (attack, error) => {
    const { result, next } = await arena.attacked(attack, true)
    expect(result.error).toMatchObject(error)
    expect(next.value).toBe('next')
  })

  it.each(Object.entries(LATE))('changes nothing of a run that has ended: %s', async (attack, value) => {
    const { result, performed, next } = await arena.attacked(attack, true)
    expect(result).toMatchObject({ status: 'done', value })
    expect(performed).toEqual([])
    expect(next.value).toBe('next')
  })

  it('leaves no process behind', async () => {
    const { pid } = await arena.attacked('a seq skipped')
    await until(() => !isAlive(pid))
    expect(isAlive(pid)).toBe(false)
  })

  it('did not touch the run that went on all the time', async () => {
    const { status, answered, intact } = await arena.verdict()
    expect([status, intact]).toEqual(['done', true])
    expect(answered).toBeGreaterThan(breaches.length)
  })
})

describe('negative control', () => {
  it('the same program serves a run when it behaves', async () => {
    await using arena = new Arena()
    const { result, performed, records } = await arena.attacked('behave', true)
    expect(result).toMatchObject({ status: 'done', value: ['1'] })
    expect(performed).toHaveLength(1)
    expect(records.filter(({ event }) => event === 'breach')).toEqual([])
  })

  it.each(['a seq skipped', 'another slot', 'a handle nobody gave'])(
    'a host that puts seqs and slots right itself lets the forged call through: %s',
    async (attack) => {
      let lastSeq = 0
      const lenient = (cage: Cage): Cage => {
        let { onFrame } = cage
        Object.defineProperty(cage, 'onFrame', {
          get: () => (frame: Parameters<Cage['onFrame']>[0], segments: readonly string[]) =>
            onFrame(
              frame.t === 'call' ? { ...frame, slot: 1, seq: (lastSeq += 1), handle: 0 } : frame,
              segments,
            ),
          set: (next: Cage['onFrame']) => {
            onFrame = next
          },
        })
        return cage
      }
      await using arena = new Arena(lenient)
      const { result, performed } = await arena.attacked(attack)
      expect(result.error?.code).toBe('LIMIT_DURATION')
      expect(performed).toHaveLength(1)
    },
  )
})
