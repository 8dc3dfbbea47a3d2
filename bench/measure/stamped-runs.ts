/**
 * Runs whose guest tells the host when it begins with something and when it has done it. In the benchmark's own process and beside
 * plain Node: no rival has databases or files to offer.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type Stamped = {
  readonly tookMs: number
  /** How much more memory was resident in the host, at most, than before. */
  readonly growthMb: number
}

export type StampedRuns = AsyncDisposable & {
  /** `warmUp` and `work` are texts of statements; both see `db`, `fs` and `tools`. */
  readonly run: (warmUp: string, work: string) => Promise<Stamped>
}

const MB = 2 ** 20
const SAMPLE_MS = 1

/** The most that is resident while it is watched. */
const watchMemory = () => {
  const before = process.memoryUsage.rss()
  let most = before
  const look = (): void => void (most = Math.max(most, process.memoryUsage.rss()))
  const timer = setInterval(look, SAMPLE_MS)
  return (): number => {
    clearInterval(timer)
    look()
    return (most - before) / MB
  }
}

/** Opens a Tollgate with a state on disk; `permissions` are the policy's own. */
export const openStampedRuns = async (permissions: object): Promise<StampedRuns> => {
  const [{ createTollgate, defineTool, definePolicy }, { z }] = await Promise.all([
    import('tollgate'),
    import('zod'),
  ])
  let beganMs = 0
  let endedMs = 0
  let growthMb = (): number => 0
  const shape = { input: z.strictObject({}), output: z.null(), effect: 'read' } as const
  const begin = defineTool({
    ...shape,
    name: 'begin',
    description: 'Notes the time.',
    perform: () => {
      growthMb = watchMemory()
      beganMs = performance.now()
      return null
    },
  })
  const end = defineTool({
    ...shape,
    name: 'end',
    description: 'Notes the time.',
    perform: () => {
      endedMs = performance.now()
      return null
    },
  })
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-bench-'))
  const gate = await createTollgate({ state: folder, tools: [begin, end] })
  const tools = { begin: { ask: 'never' }, end: { ask: 'never' } }
  const policy = definePolicy({ permissions: { ...permissions, tools } }, { tools: [begin, end] })
  return {
    async run(warmUp, work) {
      const code = `${warmUp}; await tools.begin({}); ${work}; await tools.end({})`
      const { status, error } = await gate.run({ code, policy })
      if (status !== 'done') throw new Error(`${error?.code ?? status}: ${error?.message ?? ''}`)
      return { tookMs: endedMs - beganMs, growthMb: growthMb() }
    },
    async [Symbol.asyncDispose]() {
      await gate.close({ force: true })
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
