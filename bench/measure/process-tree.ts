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

/** CPU time of the tree, with what its ended children used, in milliseconds. */
export const cpuMsOf = (pid: number): number =>
  treeOf(pid).reduce((sum, one) => {
    const stat = read(`/proc/${one}/stat`)
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ticks = [11, 12, 13, 14].reduce((total, at) => total + Number(fields[at] ?? 0), 0)
    return sum + ticks * TICK_MS
  }, 0)

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

/** Ends the process and its descendants, and nothing else. */
export const killTree = (pid: number): void => {
  for (const one of treeOf(pid)) {
    try {
      process.kill(one, 'SIGKILL')
    } catch {
      // It ended by itself.
    }
  }
}
