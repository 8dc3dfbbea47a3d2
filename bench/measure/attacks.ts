/** Guests that do not end by themselves, and what a contender makes of them: each in an embedder of its own. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Rival } from '../rivals/rival.ts'
import type { LaneSetting } from './lane-acts.ts'
import { openLane, type Lane } from './lane.ts'
import { cpuMsOf, residentBytesOf } from './process-tree.ts'

export type Attack = { readonly what: string; readonly source: string; readonly isBomb?: boolean }

export const LIMITS: LaneSetting = { deadlineMs: 500, memoryMb: 64, runsAtOnce: 2 }
export const ATTACKS = {
  loop: { what: 'an endless loop', source: 'async () => { for (;;); }' },
  afterAwait: {
    what: 'an endless loop after an awaited call',
    source: 'async (n, call) => { await call(1); for (;;); }',
  },
  native: {
    what: 'a native that cannot be interrupted',
    source: 'async () => new Array(2 ** 32 - 1).indexOf(1)',
  },
  heap: {
    what: 'a bomb in the heap',
    source: 'async () => { const all = []; for (;;) all.push(new Array(100_000).fill(1.5)); }',
    isBomb: true,
  },
  buffers: {
    what: 'a bomb of buffers',
    source: 'async () => { const all = []; for (;;) all.push(new Uint8Array(4_194_304).fill(1)); }',
    isBomb: true,
  },
} as const satisfies Record<string, Attack>

export type Verdict = {
  /** Milliseconds from the start to the contender's answer; undefined when it gave none in time. */
  readonly stoppedMs?: number
  /** What the contender said of it. */
  readonly said: string
  /** Whether the embedder lives and answers. */
  readonly hostLives: boolean
  /** Longest time that the embedder did not answer, in milliseconds. */
  readonly blockedMs: number
  /** Whether another guest runs afterwards. */
  readonly nextRuns: boolean
  /** Whether something still computes afterwards, though the contender has answered. */
  readonly computesOn: boolean
  /** Most resident memory above what there was before, in bytes. */
  readonly peakBytes: number
}

const WAIT_MS_MAX = 3_000
const PING_MS = 20
const LOOK_MS = 5
/** More would hurt the machine: the bench ends the embedder. */
const PEAK_BYTES_MAX = 1_500 * 1024 * 1024
/** Long enough for what a contender starts anew after a kill. */
const REST_MS = 300
const LISTEN_MS = 400
const COMPUTING_SHARE = 0.6
const TRIVIAL = { source: 'async (n) => n + 1', input: 1 }

/** Watches the embedder from outside until it is told to stop. */
const watch = (lane: Lane): { stop(): { peakBytes: number; blockedMs: number; overgrown: boolean } } => {
  const beforeBytes = residentBytesOf(lane.pid)
  let peakBytes = 0
  let blockedMs = 0
  let overgrown = false
  let askedMs: number | undefined
  const looking = setInterval(() => {
    peakBytes = Math.max(peakBytes, residentBytesOf(lane.pid) - beforeBytes)
    if (peakBytes < PEAK_BYTES_MAX || overgrown) return
    overgrown = true
    lane.kill()
  }, LOOK_MS)
  const pinging = setInterval(() => {
    if (askedMs !== undefined) return
    const startMs = performance.now()
    askedMs = startMs
    const answered = (): void => {
      blockedMs = Math.max(blockedMs, performance.now() - startMs)
      askedMs = undefined
    }
    lane.ask('ping', undefined, WAIT_MS_MAX * 3).then(answered, answered)
  }, PING_MS)
  return {
    stop() {
      clearInterval(looking)
      clearInterval(pinging)
      if (askedMs !== undefined) blockedMs = Math.max(blockedMs, performance.now() - askedMs)
      return { peakBytes, blockedMs, overgrown }
    },
  }
}

const answers = async (work: Promise<unknown>, ms: number): Promise<boolean> =>
  await Promise.race([
    work.then(
      () => true,
      () => false,
    ),
    wait(ms, false),
  ])

/** Nothing is asked of it any more: what it uses now, the guest uses. */
const computes = async (lane: Lane): Promise<boolean> => {
  await wait(REST_MS)
  const before = cpuMsOf(lane.pid)
  await wait(LISTEN_MS)
  return cpuMsOf(lane.pid) - before > LISTEN_MS * COMPUTING_SHARE
}

/** Lets one contender meet one attack, in a process of its own that is killed afterwards, whatever it does. */
export const attack = async (rival: Rival, { source }: Attack): Promise<Verdict> => {
  const lane = await openLane(rival, LIMITS)
  try {
    for (let n = 0; n < 2; n += 1) await lane.ask('once', { guest: TRIVIAL }, 10_000)
    await wait(300)
    const watching = watch(lane)
    const running = lane.ask('once', { guest: { source } }, WAIT_MS_MAX * 4)
    running.catch(() => undefined)
    const ended = await Promise.race([
      running.catch((error: unknown) => ({ tookMs: undefined, failure: String(error) })),
      wait(WAIT_MS_MAX, undefined),
    ])
    const { overgrown, ...seen } = watching.stop()
    const hostLives = await answers(lane.ask('ping', undefined, WAIT_MS_MAX), 500)
    const next = lane.ask('once', { guest: TRIVIAL }, WAIT_MS_MAX)
    const runs = next.then(({ failure }) => {
      if (failure !== undefined) throw new Error(failure)
    })
    runs.catch(() => undefined)
    const nextRuns = hostLives && (await answers(runs, 2_000))
    const said = overgrown ? 'it grew until the bench ended it' : (lane.ended ?? ended?.failure)
    return {
      ...seen,
      ...(ended?.tookMs !== undefined && lane.ended === undefined && { stoppedMs: ended.tookMs }),
      said: said ?? (ended === undefined ? `not stopped within ${WAIT_MS_MAX} ms` : 'it ended by itself'),
      hostLives,
      nextRuns,
      computesOn: hostLives && (await computes(lane)),
    }
  } finally {
    lane.kill()
  }
}
