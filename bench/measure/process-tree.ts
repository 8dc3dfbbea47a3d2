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

/** Work for nobody in particular: threads of the kernel are children of this process. */
const KERNEL_THREADS_PID = 2

/**
 * CPU time of each process that is none of ours, by process id and start, in milliseconds. Ended children are left out: what of
 * our own is killed inside a box ends as a child of the first process, and would count as somebody else's. So what others start
 * and end in between is missed.
 */
export const cpuMsOfOthers = (): ReadonlyMap<string, number> => {
  const ours = new Set(treeOf(process.pid))
  const others = new Map<string, number>()
  for (const pid of readdirSync('/proc').map(Number)) {
    if (!Number.isInteger(pid) || ours.has(pid) || pid === KERNEL_THREADS_PID) continue
    const stat = read(`/proc/${pid}/stat`)
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (stat === '' || Number(fields[1]) === KERNEL_THREADS_PID) continue
    others.set(`${pid} ${fields[19]}`, (Number(fields[11]) + Number(fields[12])) * TICK_MS)
  }
  return others
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
    try {
      process.kill(one, 'SIGKILL')
    } catch {
      // It ended by itself.
    }
  }
}
