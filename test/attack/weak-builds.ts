/** Builds of Tollgate with one part weaker than it should be: what a case is there to notice. */
import { setTimeout as wait } from 'node:timers/promises'
import { Ledger } from '../../src/budget/ledger.ts'
import { HONEST, type AttackParts } from '../../src/attack/arena.ts'
import { launchCage, type Cage } from '../../src/cage/launch.ts'
import type { HostTool, Powers, RunOptions, RunResult, Tollgate, TollgateOptions } from '../../src/index.ts'
import { openGateOf, type Replace } from '../run/gates.ts'
import { weakLedgers } from '../run/weak-parts.ts'

/** The real parts, some of which a test replaces. */
export const buildOf = (parts: Partial<AttackParts> = {}): AttackParts => ({
  open: (options) => openGateOf(options),
  launch: launchCage,
  ...parts,
})

/** A host some of whose inner parts are weaker. */
export const weakHost = (replace: Replace): AttackParts =>
  buildOf({ open: (options) => openGateOf(options, replace) })

/** A host with weaker powers over the world, and weaker inner parts. */
export const weakPowers = (powers: Partial<Powers>, replace?: Replace): AttackParts =>
  buildOf({
    open: (options) => openGateOf({ ...options, powers: { ...options.powers, ...powers } }, replace),
  })

/** Cages with another kernel. */
export const weakKernel = (entry: string): AttackParts =>
  buildOf({ launch: (options) => launchCage({ entry, ...options }) })

type Runner = (options: RunOptions, real: (options: RunOptions) => Promise<RunResult>) => Promise<RunResult>

/** Whether a run is the attack itself: neither the bystander nor an honest run of the attacker. */
const isAttack = ({ principal, code }: RunOptions): boolean =>
  principal !== 'bystander' && code !== HONEST.code

const withRun = (gate: Tollgate, run: Tollgate['run'], rest: Partial<Tollgate> = {}): Tollgate => ({
  run,
  runs: gate.runs,
  audit: gate.audit,
  close: (options) => gate.close(options),
  [Symbol.asyncDispose]: () => gate.close(),
  ...rest,
})

/** A host that does something wrong around every attacking run. */
export const wrongAround = (
  wrong: Runner,
  change: (options: TollgateOptions) => TollgateOptions = (options) => options,
): AttackParts =>
  buildOf({
    open: async (options) => {
      const gate = await openGateOf(change(options))
      return withRun(gate, (run) => (isAttack(run) ? wrong(run, (real) => gate.run(real)) : gate.run(run)))
    },
  })

/** Changes the result of every attacking run. */
export const wrongResult = (change: (result: RunResult) => Partial<RunResult>): AttackParts =>
  wrongAround(async (options, real) => {
    const result = await real(options)
    return { ...result, ...change(result) }
  })

/** A host whose tools do something else. */
export const wrongTool = (name: string, perform: (args: unknown) => void): AttackParts =>
  buildOf({
    open: (options) =>
      openGateOf({
        ...options,
        tools: (options.tools ?? []).map((tool): HostTool =>
          tool.name === name
            ? {
                ...tool,
                perform: (args, call) => {
                  perform(args)
                  return tool.perform(args, call)
                },
              }
            : tool,
        ),
      }),
  })

/** Calls a tool of the host as a guest would that is over already. */
export const callLate = (): AttackParts => {
  let report: HostTool | undefined
  return wrongAround(
    async (options, real) => {
      const result = await real(options)
      setTimeout(() => void report?.perform({ got: 'late' }, undefined as never), 20)
      return result
    },
    (options) => {
      report = options.tools?.find(({ name }) => name === 'report')
      return options
    },
  )
}

/** What becomes of a cage, each time one is started. */
export const wrongCages = (change: (cage: Cage, nth: number) => void): AttackParts => {
  let started = 0
  return buildOf({
    launch: (options) => {
      const cage = launchCage(options)
      started += 1
      change(cage, started)
      return cage
    },
  })
}

class Uncounting extends Ledger {
  override count(): void {
    // Nothing is counted, so nothing is refused.
  }
}

/** A host that counts no calls. */
export const uncounting = (): AttackParts => weakHost(weakLedgers(() => new Uncounting()))

/** A host that compiles policies into more than they say. */
export const wrongPolicy = (
  change: (policy: Awaited<ReturnType<Parameters<Replace>[0]['prepare']['compile']>>) => object,
): AttackParts =>
  weakHost((parts) => ({
    ...parts,
    prepare: {
      ...parts.prepare,
      compile: async (document) => {
        const policy = await parts.prepare.compile(document)
        return { ...policy, ...change(policy) }
      },
    },
  }))

const USAGE: RunResult['usage'] = {
  calls: 0,
  cpuMs: 0,
  wallMs: 0,
  memoryPeakBytes: 0,
  ingressBytes: 0,
  egressBytes: 0,
  costUsd: 0,
  byOp: {},
  limits: { calls: 0, cpuMs: 0, wallMs: 0, memoryBytes: 0, costUsd: 0 },
}
const EMPTY: RunResult = {
  runId: 'run_0',
  task: 'run_0',
  status: 'done',
  value: null,
  tier: 'T1',
  usage: USAGE,
  approvals: [],
  labels: [],
  policyDigest: '',
  toolDigest: '',
  logs: [],
  warnings: [],
  costAlerts: [],
}

const goOn = async (tools: readonly HostTool[], signal: AbortSignal | undefined): Promise<RunResult> => {
  const tool = tools.find(({ name }) => name === 'still_wanted')
  while (signal?.aborted !== true) {
    if ((await tool?.perform({}, undefined as never)) !== true) break
    await wait(0)
  }
  return EMPTY
}

/** No Tollgate at all: honest runs end well, and every attack has this result without having been run. */
export const pretended = (result: Partial<RunResult>): AttackParts => ({
  launch: () => {
    const cage: Cage = {
      pid: 2 ** 30,
      nodePid: () => 2 ** 30,
      send: () => undefined,
      setIdle: () => undefined,
      kill: () => undefined,
      stderrTail: () => '',
      onFrame: () => undefined,
      onBreach: () => undefined,
      onExit: () => undefined,
    }
    setImmediate(() => cage.onExit({ code: 0, signal: null }))
    return cage
  },
  open: async ({ tools = [], auditLog }) => {
    if (auditLog !== undefined) await (await import('node:fs/promises')).writeFile(auditLog, '')
    const closed = new AbortController()
    return {
      run: async (options) => {
        if (options.principal === 'bystander') return await goOn(tools, closed.signal)
        return isAttack(options) ? { ...EMPTY, ...result } : { ...EMPTY, value: 'honest' }
      },
      runs: { get: async () => undefined, list: async () => [] },
      audit: {
        read: async () => [],
        verify: async () => ({ intact: true, runs: 0, records: 0, head: '' }),
      },
      close: async () => closed.abort(),
      [Symbol.asyncDispose]: async () => closed.abort(),
    }
  },
})
