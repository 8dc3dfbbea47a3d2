import { chmodSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openHost, type HostSetting } from '../../bench/soak/host.ts'
import { kindsFor } from '../../bench/soak/kinds.ts'
import { closedProblems, restingProblems, stateProblems, worldProblems } from '../../bench/soak/leftovers.ts'
import { Load, type Surprise, type Tally } from '../../bench/soak/load.ts'
import { takeTraces } from '../../bench/soak/samples.ts'
import type { Tollgate, TollgateOptions } from '../../src/index.ts'
import { assembleTollgate } from '../../src/run/assemble.ts'
import { openParts } from '../../src/run/parts.ts'
import { openSite, type Site } from '../harness/site.ts'
import { withSetting, type Replace } from './gates.ts'

const HEAP_BYTES = 16 * 2 ** 20
/** What is planted does not go away by waiting. */
const IMPATIENT_MS = 1_500
const { TMPDIR } = process.env
const folder = mkdtempSync(join(tmpdir(), 'tollgate-leaks-'))
let site: Site

beforeAll(async () => {
  chmodSync(folder, 0o755)
  site = await openSite(({ url }, response) => {
    const size = Number(/\d+$/.exec(url)?.[0] ?? 0)
    response.end(JSON.stringify(Array.from({ length: size }, () => 'item')))
  })
  // Others have temporary files as well.
  mkdirSync(join(folder, 'temporary'))
  process.env['TMPDIR'] = join(folder, 'temporary')
})
afterAll(async () => {
  if (TMPDIR === undefined) delete process.env['TMPDIR']
  else process.env['TMPDIR'] = TMPDIR
  await site[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

type Campaign = {
  readonly tallies: readonly Tally[]
  readonly surprises: readonly Surprise[]
  readonly resting: readonly string[]
  readonly closed: readonly string[]
  readonly state: readonly string[]
  readonly world: readonly string[]
}

/** Runs a mixed load of which a share is killed, closes the host, and looks for what is left. */
const campaign = async (
  name: string,
  runsMax: number,
  setting: Partial<HostSetting> = {},
  patienceMs?: number,
): Promise<Campaign> => {
  const before = takeTraces()
  const host = await openHost({ folder: join(folder, name), ...setting })
  const kinds = kindsFor(host, site.origin)
  const load = new Load({ host, kinds, seed: 1, concurrency: 6, runsMax, killShare: 0.1 })
  await load.run()
  const resting = await restingProblems(before.processes, patienceMs)
  await host.gate.close()
  return {
    tallies: load.tallies,
    surprises: load.surprises,
    resting,
    closed: await closedProblems(host, before, {
      heapBytes: HEAP_BYTES,
      ...(patienceMs !== undefined && { patienceMs }),
    }),
    state: await stateProblems(join(folder, name), load.runs + load.childRuns),
    world: worldProblems(host, load.tallies),
  }
}

describe('three hundred runs, one in ten killed', () => {
  it(
    'each end as they must and leave no process, descriptor, file or memory behind, and a whole state',
    { timeout: 120_000 },
    async () => {
      await campaign('warm-up', 60)
      const { tallies, surprises, resting, closed, state, world } = await campaign('three-hundred', 300)
      expect(surprises).toEqual([])
      expect(tallies.reduce((sum, { right }) => sum + right, 0)).toBe(300)
      const killed = tallies.filter(({ expected }) => /LOST|DURATION|MEMORY|cancelled/.test(expected))
      expect(killed.reduce((sum, { right }) => sum + right, 0)).toBe(30)
      expect({ resting, closed, state, world }).toEqual({ resting: [], closed: [], state: [], world: [] })
    },
  )
})

/** A short campaign with something wrong in it, in the cages that start fastest. */
const planted = (
  name: string,
  runsMax: number,
  setting: Partial<HostSetting>,
  patienceMs?: number,
): Promise<Campaign> => campaign(name, runsMax, { tier: 'T1', ...setting }, patienceMs)

const openWith =
  (replace: Replace) =>
  async (options: TollgateOptions): Promise<Tollgate> =>
    assembleTollgate(replace(openParts(options)))

describe('negative control: it is reported that', () => {
  it('a pool never lets go of a cage', { timeout: 120_000 }, async () => {
    const hoarding = withSetting(({ pool }) => ({
      pool: {
        acquire: async (...asked) => {
          const lease = await pool.acquire(...asked)
          lease.cage.reserve()
          return { ...lease, release: () => undefined }
        },
        close: () => pool.close(),
      },
    }))
    const open = (options: TollgateOptions): Promise<Tollgate> =>
      openWith(hoarding)({ ...options, concurrentRunsMax: 1_024, memoryMbMax: 1_000_000 })
    const { resting } = await campaign('hoarding', 40, { open }, IMPATIENT_MS)
    expect(resting).toEqual([expect.stringContaining('at rest there are')])
  })

  it('a host forgets its cages when it closes', { timeout: 120_000 }, async () => {
    let end = (): Promise<void> => Promise.resolve()
    const forgetful = withSetting(({ pool }) => {
      end = () => pool.close()
      return { pool: { acquire: (...asked) => pool.acquire(...asked), close: () => Promise.resolve() } }
    })
    const { closed } = await planted('forgetful', 20, { open: openWith(forgetful) }, IMPATIENT_MS)
    await end()
    expect(closed.join()).toMatch(/processes of cages are left.*more child processes.*more descriptors/)
  })

  it('a descriptor is left open for each cage', { timeout: 120_000 }, async () => {
    const weaken: HostSetting['weaken'] = (cage) => {
      openSync('/dev/null', 'r')
      return cage
    }
    const { closed } = await planted('leaking', 20, { weaken })
    expect(closed).toEqual([expect.stringMatching(/^\d+ more descriptors/)])
  })

  it('what each run had stays in memory', { timeout: 120_000 }, async () => {
    const kept: unknown[] = []
    const weaken: HostSetting['weaken'] = (cage) => {
      kept.push(Array.from({ length: 500_000 }, (_, n) => n + 0.5))
      return cage
    }
    const { closed } = await planted('hoarded', 60, { weaken })
    expect(kept.length).toBeGreaterThan(5)
    expect(closed).toEqual([expect.stringMatching(/MB more memory/)])
  })

  it('a run has no result', { timeout: 120_000 }, async () => {
    let ends = 0
    const losing = withSetting(({ store }) => ({
      store: {
        ...store,
        runs: {
          ...store.runs,
          end: (...told) => {
            ends += 1
            if (ends !== 7) store.runs.end(...told)
          },
        },
      },
    }))
    const { state } = await planted('losing', 20, { open: openWith(losing) })
    expect(state).toEqual(
      expect.arrayContaining(['1 runs have no result', '1 runs have no end in the chain']),
    )
  })

  it('a run that failed leaves a row', { timeout: 120_000 }, async () => {
    const open = async (options: TollgateOptions): Promise<Tollgate> => {
      const gate = assembleTollgate(openParts(options))
      const run = gate.run.bind(gate)
      return Object.assign(gate, {
        run: async (asked: Parameters<typeof run>[0]) => {
          const result = await run(asked)
          if (asked.code === 'return 6 * 7') leaveRow(join(folder, 'rows'))
          return result
        },
      })
    }
    const { world, tallies } = await planted('rows', 20, { open })
    const trivial = tallies.find(({ kind }) => kind === 'trivial')?.right ?? 0
    expect(trivial).toBeGreaterThan(0)
    expect(world).toContainEqual(expect.stringMatching(/^\d+ rows were kept, and \d runs left one$/))
  })
})

const leaveRow = (inside: string): void => {
  const database = new DatabaseSync(join(inside, 'shop.db'))
  database.exec('INSERT INTO entries DEFAULT VALUES')
  database.close()
}
