/** The processes that belong to cages: every one that ever did, so that none can be left behind unseen. */
import { readdirSync, readFileSync } from 'node:fs'

/** A process; its start tells it from a later one with the same id. */
type Known = { readonly pid: number; readonly startTicks: string }

type Stat = { readonly state: string; readonly parent: number; readonly startTicks: string }

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const statOf = (pid: number): Stat | undefined => {
  const stat = read(`/proc/${pid}/stat`)
  if (stat === '') return undefined
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '', parent: Number(fields[1]), startTicks: fields[19] ?? '' }
}

const pids = (): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

/** What descends from a process, with those that are dead and were not buried yet. */
export type Offspring = { readonly alive: readonly number[]; readonly zombies: readonly number[] }

/** Everything that descends from a process now. */
export const offspringOf = (pid: number): Offspring => {
  const children = new Map<number, number[]>()
  const zombies = new Set<number>()
  for (const one of pids()) {
    const stat = statOf(one)
    if (stat === undefined) continue
    if (stat.state === 'Z') zombies.add(one)
    children.set(stat.parent, [...(children.get(stat.parent) ?? []), one])
  }
  const all: number[] = []
  for (const next = [pid]; next.length > 0;) {
    const own = children.get(next.pop() ?? 0) ?? []
    all.push(...own)
    next.push(...own)
  }
  return { alive: all.filter((one) => !zombies.has(one)), zombies: all.filter((one) => zombies.has(one)) }
}

/** Remembers processes by their id and their start. */
export class ProcessRoll {
  readonly #known = new Map<string, Known>()

  /** Adds a process, unless it is gone already. */
  note(pid: number): void {
    const stat = statOf(pid)
    if (stat === undefined) return
    const known = { pid, startTicks: stat.startTicks }
    this.#known.set(`${pid} ${stat.startTicks}`, known)
  }

  /** Those that are still there; the others are forgotten. A zombie counts: nobody has buried it. */
  remaining(): readonly number[] {
    for (const [key, { pid, startTicks }] of this.#known)
      if (statOf(pid)?.startTicks !== startTicks) this.#known.delete(key)
    return [...this.#known.values()].map(({ pid }) => pid)
  }
}

/** Processes whose command line holds a text, wherever they hang. */
export const processesThatName = (text: string): readonly number[] =>
  pids().filter((pid) => pid !== process.pid && read(`/proc/${pid}/cmdline`).includes(text))
