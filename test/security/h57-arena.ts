/** Where a hostile program takes the place of cages, beside an honest run that goes on all the time. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { launchCage, type Cage } from '../../src/cage/launch.ts'
import type { Tier } from '../../src/cage/tiers.ts'
import {
  defineTool,
  type AuditRecord,
  type HostTool,
  type RunResult,
  type Tollgate,
} from '../../src/index.ts'
import { Bystander } from '../run/bystander.ts'
import { openGateOf } from '../run/gates.ts'

const HOSTILE = join(import.meta.dirname, 'h57-hostile-cage.mjs')

/** The names of all attacks that the hostile cage knows. */
export const knownAttacks = (): string[] =>
  [...readFileSync(HOSTILE, 'utf8').matchAll(/^ {2}'?([^'\n]+?)'?: \(\) =>/gm)].map(([, name = '']) => name)

const hostTools = (performed: unknown[]): HostTool[] => [
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

/** One run in the hostile cage, and what came after it. */
export type Attacked = {
  readonly result: RunResult
  readonly records: readonly AuditRecord[]
  readonly performed: readonly unknown[]
  /** The process that attacked. */
  readonly pid: number
  readonly next: RunResult
}

const policyFor = (seconds: number) => ({
  permissions: { tools: { count: {}, giant: {} } },
  limits: { max_duration_seconds: seconds, max_tool_calls: 50 },
})
/** An attack that only its time ends takes all of it; one that takes work to fail has as much as a busy machine needs. */
const POLICY = policyFor(1)
const PATIENT = policyFor(30)
const NEEDS_WORK: ReadonlySet<string> = new Set(['deaf ears'])

export type ArenaSetting = {
  /** Default T1, which every Linux has. */
  readonly tier?: Tier
  /** What the host makes of the hostile cage. */
  readonly weaken?: (cage: Cage) => Cage
}

/** A gate with an honest run that goes on, where single runs are served by the hostile cage. */
export class Arena implements AsyncDisposable {
  readonly #performed: unknown[] = []
  readonly #bystander = new Bystander()
  readonly #setting: Required<ArenaSetting>
  readonly #gate: Promise<Tollgate>
  readonly #folder = mkdtempSync(join(tmpdir(), 'tollgate-h57-'))
  #attack: string | undefined
  #attacks = 0
  #pid = 0

  constructor({ tier = 'T1', weaken = (cage) => cage }: ArenaSetting = {}) {
    this.#setting = { tier, weaken }
    this.#gate = this.#open()
  }

  async #open(): Promise<Tollgate> {
    const tools = [this.#bystander.tool, ...hostTools(this.#performed)]
    const gate = await openGateOf({
      tools,
      concurrentRunsMax: 4,
      auditLog: this.#auditLog,
      powers: { launchCage: () => this.#launch() },
    })
    await this.#bystander.start(gate)
    return gate
  }

  get #auditLog(): string {
    return join(this.#folder, 'audit.log')
  }

  #launch(): Cage {
    const { tier, weaken } = this.#setting
    if (this.#attack === undefined) return launchCage({ tier })
    const cage = launchCage({ entry: HOSTILE, argument: this.#attack, tier })
    this.#attack = undefined
    this.#pid = cage.pid
    return weaken(cage)
  }

  #begin(attack: string): string {
    this.#attacks += 1
    this.#attack = attack
    this.#performed.length = 0
    return `mallory-${this.#attacks}`
  }

  /** One run in the hostile cage, and after it an honest one, for the same principal or for another. */
  async attacked(attack: string, isNextOther = false): Promise<Attacked> {
    const gate = await this.#gate
    const principal = this.#begin(attack)
    const policy = NEEDS_WORK.has(attack) ? PATIENT : POLICY
    const result = await gate.run({ code: 'return 1', policy, principal })
    const performed = [...this.#performed]
    const next = await gate.run({
      code: 'return "next"',
      policy: POLICY,
      principal: isNextOther ? 'other' : principal,
    })
    const records = await gate.audit.read({ runId: result.runId })
    return { result, records, performed, pid: this.#pid, next }
  }

  /** Two runs of one principal, both in the hostile cage, and the events in the records of each. */
  async attackedTwice(
    attack: string,
  ): Promise<{ results: RunResult[]; events: string[][]; performed: number }> {
    const gate = await this.#gate
    const principal = this.#begin(attack)
    const { promise: waits, resolve } = Promise.withResolvers<void>()
    const run = (name: string): Promise<RunResult> =>
      gate.run({ code: `return "${name}"`, policy: POLICY, principal, onEvent: () => resolve() })
    const first = run('first')
    await waits
    const results = await Promise.all([first, run('second')])
    const records = await Promise.all(results.map(({ runId }) => gate.audit.read({ runId })))
    const events = records.map((ofRun) => ofRun.map(({ event }) => event))
    return { results, events, performed: this.#performed.length }
  }

  /** How the honest run fared, whether the audit is whole, and the reasons of the breaches that stand in the log on disk. */
  async verdict(): Promise<{ status: string; answered: number; intact: boolean; reasons: unknown[] }> {
    const gate = await this.#gate
    const { status } = await this.#bystander.stop()
    const { intact } = await gate.audit.verify()
    await gate.close()
    const lines = readFileSync(this.#auditLog, 'utf8').split('\n').slice(0, -1)
    const records = lines.map((line) => JSON.parse(line) as AuditRecord)
    const reasons = records.flatMap(({ event, facts }) => (event === 'breach' ? [facts['reason']] : []))
    return { status, answered: this.#bystander.answered, intact, reasons }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#gate).close({ force: true })
    rmSync(this.#folder, { recursive: true })
  }
}

/** Whether a process is there and no zombie. */
export const isAlive = (pid: number): boolean => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}
