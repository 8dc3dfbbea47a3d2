/** What a process and all that it started use, read from /proc: nothing trusts what a contender says of itself. */
import { readdirSync, readFileSync } from 'node:fs'

const PAGE_BYTES = 4_096
/** The kernel counts CPU time in these, whatever its own timer does. */
const TICK_MS = 10

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const childrenOf = (pid: number): number[] => {
  let threads: string[]
  try {
    threads = readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
  return threads
    .flatMap((thread) => read(`/proc/${pid}/task/${thread}/children`).trim().split(' '))
    .filter((text) => text !== '')
    .map(Number)
}

/** The process and its descendants that live. */
const treeOf = (pid: number): number[] => [pid, ...childrenOf(pid).flatMap(treeOf)]

/** CPU time of one process, with what its ended children used, in milliseconds. */
const ownCpuMs = (pid: number): number => {
  const stat = read(`/proc/${pid}/stat`)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return [11, 12, 13, 14].reduce((total, at) => total + Number(fields[at] ?? 0), 0) * TICK_MS
}

/** CPU time of the tree, with what its ended children used, in milliseconds. */
export const cpuMsOf = (pid: number): number => treeOf(pid).reduce((sum, one) => sum + ownCpuMs(one), 0)

/** What was used by those that were killed as orphans: their parents count it nowhere. */
let orphanedMs = 0

/** CPU time of this process and of all that it ever started, in milliseconds. */
export const usedByUsMs = (): number => cpuMsOf(process.pid) + orphanedMs

/** CPU time of the whole machine since it started, in milliseconds. */
export const usedByAllMs = (): number => {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = read('/proc/stat')
    .split('\n', 1)
    .flatMap((line) => line.split(/\s+/).map(Number))
  return (user + nice + system + irq + softirq + steal) * TICK_MS
}

/** Resident memory of the tree; pages that two processes share count twice. Cheap enough to ask every 10 ms. */
export const residentBytesOf = (pid: number): number =>
  treeOf(pid).reduce(
    (sum, one) => sum + Number(read(`/proc/${one}/statm`).split(' ')[1] ?? 0) * PAGE_BYTES,
    0,
  )

/** Resident memory of the tree; shared pages are divided among those who share them. Undefined where it may not be read. */
export const proportionalBytesOf = (pid: number): number | undefined => {
  let sum = 0
  for (const one of treeOf(pid)) {
    const kilobytes = /^Pss:\s+(\d+) kB$/m.exec(read(`/proc/${one}/smaps_rollup`))?.[1]
    if (kilobytes === undefined) return undefined
    sum += Number(kilobytes) * 1024
  }
  return sum
}

/** Ends the process and its descendants, and nothing else; the process itself comes last, so it may be this one. */
export const killTree = (pid: number): void => {
  for (const one of treeOf(pid).toReversed()) {
    if (one !== pid) orphanedMs += ownCpuMs(one)
    try {
      process.kill(one, 'SIGKILL')
    } catch {
      // It ended by itself.
    }
  }
}
