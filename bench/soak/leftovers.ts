/** What a host leaves behind once all runs are over: nothing. */
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as rest } from 'node:timers/promises'
import { createTollgate } from '../../src/index.ts'
import { LEAVES_A_FILE, LEAVES_A_ROW } from './data-kinds.ts'
import { stateOf, type SoakHost } from './host.ts'
import type { Tally } from './load.ts'
import { offspringOf } from './processes.ts'
import { takeTraces, type Traces } from './samples.ts'

/** A process that was killed needs a moment until the kernel has buried it, and spares for strangers are kept for ten seconds. */
const PATIENCE_MS = 20_000
const LOOK_MS = 20
/** Cages that may rest: a spare, and as many bound ones as the pool keeps; in a box each has three processes. */
const RESTING_CAGES_MAX = 1 + 2 * availableParallelism()
const PROCESSES_PER_CAGE_MAX = 4

/** Belongs to who commits files; nobody may remove it while somebody waits for it. */
const COMMIT_LOCK = 'file-commits.lock'

const until = async (isSo: () => boolean, patienceMs = PATIENCE_MS): Promise<boolean> => {
  const endMs = performance.now() + patienceMs
  while (!isSo()) {
    if (performance.now() > endMs) return false
    await rest(LOOK_MS)
  }
  return true
}

/** Problems of a host at rest: all runs are over, and it is still open. `others`: processes that are not its own. */
export const restingProblems = async (others: number, patienceMs?: number): Promise<readonly string[]> => {
  const max = others + RESTING_CAGES_MAX * PROCESSES_PER_CAGE_MAX
  const isCalm = await until(() => offspringOf(process.pid).alive.length <= max, patienceMs)
  return isCalm
    ? []
    : [`at rest there are ${offspringOf(process.pid).alive.length} processes, at most ${max} are meant to be`]
}

/** What may be there beside what was there before. */
export type Tolerance = { readonly heapBytes: number; readonly patienceMs?: number }

/** Problems of a host that was closed: compares with what there was before it was opened. */
export const closedProblems = async (
  host: Pick<SoakHost, 'remaining'>,
  before: Traces,
  { heapBytes, patienceMs }: Tolerance,
): Promise<readonly string[]> => {
  const isBuried = await until(
    () => host.remaining().length === 0 && offspringOf(process.pid).zombies.length === 0,
    patienceMs,
  )
  const after = takeTraces()
  const problems: string[] = []
  if (!isBuried) problems.push(`processes of cages are left: ${host.remaining().join(', ') || 'zombies'}`)
  if (after.processes > before.processes)
    problems.push(`${after.processes - before.processes} more child processes than before`)
  if (after.descriptors > before.descriptors)
    problems.push(`${after.descriptors - before.descriptors} more descriptors than before`)
  if (after.heapBytes > before.heapBytes + heapBytes)
    problems.push(`${Math.round((after.heapBytes - before.heapBytes) / 2 ** 20)} MB more memory than before`)
  const stray = after.temporary.filter((name) => !before.temporary.includes(name))
  if (stray.length > 0) problems.push(`temporary files: ${stray.join(', ')}`)
  return problems
}

/** Problems of what the runs were to leave in their world, by what is known of them. */
export const worldProblems = (
  { world }: Pick<SoakHost, 'world'>,
  tallies: readonly Tally[],
): readonly string[] => {
  const countOf = (name: string): number => tallies.find(({ kind }) => kind === name)?.right ?? 0
  return world.problems(countOf(LEAVES_A_ROW), countOf(LEAVES_A_FILE) > 0)
}

/** What the files of a state hold, read by nobody but SQLite. */
const databaseProblems = (folder: string, runs: number): readonly string[] => {
  const state = stateOf(folder)
  const problems: string[] = []
  const names = readdirSync(state)
  const [file = ''] = names.filter((name) => name.endsWith('.db'))
  const stray = names.filter((name) => !name.startsWith(file) && name !== COMMIT_LOCK)
  if (stray.length > 0) problems.push(`files in the state that nobody knows: ${stray.join(', ')}`)
  const database = new DatabaseSync(join(state, file), { readOnly: true })
  try {
    const one = (sql: string): unknown => Object.values(database.prepare(sql).get() ?? {})[0]
    const integrity = one('PRAGMA integrity_check')
    if (integrity !== 'ok') problems.push(`the database says ${String(integrity)}`)
    const kept = Number(one('SELECT count(*) FROM runs'))
    if (kept !== runs) problems.push(`${kept} runs are kept, and there were ${runs}`)
    const open = Number(one('SELECT count(*) FROM runs WHERE result IS NULL'))
    if (open > 0) problems.push(`${open} runs have no result`)
    const endless = Number(
      one("SELECT count(*) FROM runs WHERE run_id NOT IN (SELECT run_id FROM chain WHERE kind = 'end')"),
    )
    if (endless > 0) problems.push(`${endless} runs have no end in the chain`)
    const owned = Number(one('SELECT count(*) FROM tasks WHERE owner IS NOT NULL'))
    if (owned > 0) problems.push(`${owned} tasks still have an owner`)
  } finally {
    database.close()
  }
  return problems
}

/** Problems of the state of a host that was closed: each run has a result, and the audit is whole. */
export const stateProblems = async (folder: string, runs: number): Promise<readonly string[]> => {
  const problems = [...databaseProblems(folder, runs)]
  await using gate = await createTollgate({ state: stateOf(folder), spareCages: 0 })
  const verdict = await gate.audit.verify()
  if (!verdict.intact) problems.push(`the audit is broken: ${JSON.stringify(verdict.problem)}`)
  if (verdict.runs !== runs) problems.push(`the audit knows ${verdict.runs} runs, and there were ${runs}`)
  return problems
}
