import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Cage, CageOptions } from '../cage/launch.ts'
import type { Tier } from '../cage/tiers.ts'
import type { AuditRecord, RunResult, Tollgate, TollgateOptions } from '../index.ts'
import { Bystander } from './bystander.ts'
import type { AttackRun, Evidence, PlantedSeen, Setup, World } from './evidence.ts'
import { FORGER } from './forger.ts'
import { HostTools } from './host-tools.ts'
import { LoopbackSite } from './loopback-site.ts'
import { MachineNoise } from './machine-noise.ts'
import { PlantedWorld } from './planted-world.ts'
import { rememberPrototypes } from './prototypes.ts'
import { WatchedCages } from './watched-cages.ts'

/** What is attacked; tests hand in weaker parts, and then cases must be reported as broken. */
export type AttackParts = {
  /** Opens the Tollgate that is attacked. */
  readonly open: (options: TollgateOptions) => Promise<Tollgate>
  /** Starts its cages. */
  readonly launch: (options: CageOptions) => Cage
}

const PATIENCE_MS_DEFAULT = 20_000
/** What a cancelled run may take to come back before nobody waits for it any more. */
const CANCEL_MS_MAX = 2_000
const CLOSE_MS_MAX = 10_000
/** What the end of a process may take. */
const GONE_MS_MAX = 1_000
const LOOK_MS = 5
const RUNS_MAX = 8

/** What an honest run of the attacker's principal does, before and after the attack. */
export const HONEST: AttackRun = { code: 'return "honest"' }

/** Undefined when the work does not come back in time. */
const within = async <T>(work: Promise<T>, ms: number): Promise<T | undefined> => {
  const gaveUp = new AbortController()
  const late = wait(ms, undefined, { signal: gaveUp.signal }).catch(() => undefined)
  try {
    return await Promise.race([work, late])
  } finally {
    gaveUp.abort()
  }
}

/**
 * A Tollgate in a folder of its own, with an honest run that goes on, an upstream on loopback, and instruments that look at it
 * from outside. Cases meet it one after the other, each as another principal.
 */
export class Arena implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tollgate-attack-'))
  readonly #forgerFolder = mkdtempSync(join(tmpdir(), 'tollgate-forger-'))
  readonly #removeFolders = (): void => {
    for (const folder of [this.#folder, this.#forgerFolder]) rmSync(folder, { recursive: true, force: true })
    this.#planted[Symbol.dispose]()
  }
  readonly #tools = new HostTools()
  readonly #bystander = new Bystander()
  readonly #noise = new MachineNoise()
  readonly #pollution = rememberPrototypes()
  readonly #planted = new PlantedWorld()
  readonly #cages: WatchedCages
  readonly #signal: AbortSignal
  readonly #site: LoopbackSite
  #opened: Tollgate | undefined
  #principals = 0
  #logBytesRead = 0
  #thrown: string | undefined

  private constructor(parts: AttackParts, tier: Tier, signal: AbortSignal, site: LoopbackSite) {
    this.#signal = signal
    this.#site = site
    this.#cages = new WatchedCages(parts.launch, tier)
    // Whatever ends this process, the folders go with it.
    process.once('exit', this.#removeFolders)
  }

  /** Opens it. Rejects with what `open` of the parts rejects with. */
  static async open(parts: AttackParts, tier: Tier, signal: AbortSignal): Promise<Arena> {
    const arena = new Arena(parts, tier, signal, await LoopbackSite.open())
    try {
      writeFileSync(arena.#forger, FORGER)
      // A cage may run as somebody who is not even let into the folder of another.
      chmodSync(arena.#forgerFolder, 0o755)
      arena.#opened = await parts.open(arena.#options())
      return arena
    } catch (error) {
      await arena[Symbol.asyncDispose]()
      throw error
    }
  }

  #options(): TollgateOptions {
    return {
      state: join(this.#folder, 'state'),
      auditLog: this.#auditLog,
      tools: [this.#bystander.tool, ...this.#tools.all],
      approve: this.#tools.approve,
      spareCages: 0,
      concurrentRunsMax: RUNS_MAX,
      powers: { launchCage: this.#cages.launch },
    }
  }

  get #gate(): Tollgate {
    if (this.#opened === undefined) throw new TypeError('the arena is not open')
    return this.#opened
  }

  /** Lets one attack meet it and gathers what was seen from outside. Rejects with the signal's reason when the attack is called off. */
  async meet(setup: Setup): Promise<Evidence> {
    await this.#bystander.start(this.#gate, this.#signal)
    this.#reset()
    const principal = `attacker-${(this.#principals += 1)}`
    const policy = setup.policy(this.#world)
    const request = { policy, principal, patienceMs: setup.patienceMs ?? PATIENCE_MS_DEFAULT }
    const { results, tookMs } = await this.#attack(setup, request)
    const peakBytes = Math.max(this.#cages.peakBytes, ...results.map(({ usage }) => usage.memoryPeakBytes))
    const served = this.#cages.living()
    const cages = this.#cages.count
    await wait(setup.lingerMs ?? 0)
    const bystander = this.#bystander.seen()
    const noiseMs = this.#noise.worstMs
    const next = await this.#run(HONEST, request)
    const survivors = setup.endsCage === true ? await this.#survivors(served) : 0
    const records = await this.#recordsOf(results)
    const isIntact =
      setup.verifies === true ? (await this.#noting(this.#gate.audit.verify()))?.intact : undefined
    const logLines = setup.verifies === true ? await this.#logLinesOf(results) : []
    this.#cages.end()
    this.#signal.throwIfAborted()
    const planted = this.#plantedSeen(results, records, logLines)
    const { reported, noted, atOnceMax, refunds, erased, asked } = this.#tools
    return {
      results,
      tookMs,
      peakBytes,
      noiseMs,
      cages,
      survivors,
      bystander,
      planted,
      records,
      box: [],
      reported: [...reported],
      noted: [...noted],
      atOnceMax,
      refunds,
      erased,
      asked,
      requests: [...this.#site.requests],
      trapped: this.#site.trapped,
      pollution: this.#pollution(),
      logLines,
      ...(isIntact !== undefined && { isIntact }),
      ...(next !== undefined && { next }),
      ...(this.#thrown !== undefined && { thrown: this.#thrown }),
    }
  }

  /** Warms the cage up, unless a forger takes its place, and runs the attack. */
  async #attack(setup: Setup, request: Request): Promise<{ results: RunResult[]; tookMs: number }> {
    const { forgery } = setup
    if (forgery === undefined) await this.#run(HONEST, request)
    else this.#cages.impostor = { entry: this.#forger, argument: forgery }
    this.#bystander.reset()
    this.#noise.reset()
    const results: RunResult[] = []
    let tookMs = 0
    await using _ = setup.swapsFolder === true ? this.#planted.swapping() : undefined
    for (const run of setup.runs(this.#world)) {
      const startMs = performance.now()
      const result = await this.#run(run, request)
      tookMs = performance.now() - startMs
      if (result === undefined) break
      results.push(result)
    }
    return { results, tookMs }
  }

  get #world(): World {
    const { database, mounted, beside } = this.#planted
    return { site: this.#site.origin, database, mounted, beside }
  }

  /** What became of the world; the secret is looked for in all that came back. */
  #plantedSeen(
    results: readonly RunResult[],
    records: readonly AuditRecord[],
    logLines: readonly string[],
  ): PlantedSeen {
    return this.#planted.seen({
      'a result': results,
      'what tools were called with': [this.#tools.noted, this.#tools.reported],
      'what was sent': this.#site.requests,
      // What a quarantine was handed stands in the records of its own, where nobody but the host reads.
      'the audit': [records.filter(({ runId }) => results.some((one) => one.runId === runId)), logLines],
    })
  }

  #reset(): void {
    this.#thrown = undefined
    this.#tools.reset()
    this.#site.reset()
    this.#planted.reset()
    this.#cages.begin()
    this.#newLogLines()
  }

  /** One run that is given up when it takes too long or grows too large; undefined when even giving up does not end it. */
  async #run(
    { isOfAnother, ...run }: AttackRun,
    { policy, principal: attacker, patienceMs }: Request,
  ): Promise<RunResult | undefined> {
    this.#signal.throwIfAborted()
    const principal = isOfAnother === true ? `${attacker}-other` : attacker
    const patience = AbortSignal.timeout(patienceMs)
    const signal = AbortSignal.any([this.#signal, this.#cages.overgrown, patience])
    const running = this.#gate.run({ ...run, policy, principal, signal })
    return await within(this.#noting(running), patienceMs + CANCEL_MS_MAX)
  }

  /** Nothing that a guest does may make Tollgate throw: where it does, that is part of what was seen. */
  #noting<T>(work: Promise<T>): Promise<T | undefined> {
    return work.catch((error: unknown) => {
      this.#thrown ??= String(error)
      return undefined
    })
  }

  async #survivors(served: readonly number[]): Promise<number> {
    const living = (): number => this.#cages.living().filter((pid) => served.includes(pid)).length
    for (let waitedMs = 0; waitedMs < GONE_MS_MAX && living() > 0; waitedMs += LOOK_MS) await wait(LOOK_MS)
    return living()
  }

  async #recordsOf(results: readonly RunResult[]): Promise<AuditRecord[]> {
    const records: AuditRecord[] = []
    for (const { runId, task } of results) {
      const children = ((await this.#noting(this.#gate.runs.list({ task }))) ?? []).filter(
        ({ parent }) => parent?.runId === runId,
      )
      for (const one of [runId, ...children.map((child) => child.runId)])
        records.push(...((await this.#noting(this.#gate.audit.read({ runId: one }))) ?? []))
    }
    return records
  }

  /** The log is written behind the runs: waits for the end of the last one, and for a while only. */
  async #logLinesOf(results: readonly RunResult[]): Promise<string[]> {
    const last = results.at(-1)?.runId ?? ''
    const isEnd = (line: string): boolean => line.includes(last) && line.includes('"run.ended"')
    const lines: string[] = []
    for (let waitedMs = 0; waitedMs < GONE_MS_MAX; waitedMs += LOOK_MS) {
      lines.push(...this.#newLogLines())
      if (lines.some(isEnd)) break
      await wait(LOOK_MS)
    }
    return lines
  }

  /** Whole lines of the audit log since they were asked for last. */
  #newLogLines(): string[] {
    const text = readFileSync(this.#auditLog).subarray(this.#logBytesRead)
    const whole = text.subarray(0, text.lastIndexOf(10) + 1)
    this.#logBytesRead += whole.length
    return whole.toString('utf8').split('\n').slice(0, -1)
  }

  get #auditLog(): string {
    return join(this.#folder, 'audit.log')
  }

  get #forger(): string {
    return join(this.#forgerFolder, 'forger.mjs')
  }

  /** Ends everything; what does not end in time is left to the end of the process. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#cages.end()
    if (this.#opened !== undefined) await within(this.#opened.close({ force: true }), CLOSE_MS_MAX)
    await this.#site[Symbol.asyncDispose]()
    await this.#noise[Symbol.asyncDispose]()
    process.off('exit', this.#removeFolders)
    this.#removeFolders()
  }
}

type Request = { readonly policy: object; readonly principal: string; readonly patienceMs: number }
