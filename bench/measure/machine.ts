/** What the figures stand for: the machine, its versions, and whether it was quiet enough to measure anything. */
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'
import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { Worker } from 'node:worker_threads'
import { cpuMsOfOthers } from './process-tree.ts'

export type Quiet = {
  /** Share of each processor that a loop got when all were asked for; 1 on a machine that does nothing else. */
  readonly share: number
  /** Average over the last minute. */
  readonly load: number
}

export type Machine = {
  readonly processor: string
  readonly cores: number
  readonly memoryGb: number
  readonly system: string
  readonly kernel: string
  readonly versions: Readonly<Record<string, string>>
  readonly before: Quiet
  /** Share of all processors that others used meanwhile. */
  readonly foreignShare: number
  /** Measured although the machine had other work: the figures are upper bounds. */
  readonly busy: boolean
}

/** With less left of a processor, or more waiting for it, figures say more about the neighbours. */
const SHARE_MIN = 0.9
const LOAD_PER_CORE_MAX = 0.75
const SPIN_MS = 300

const versionOf = (name: string): string => {
  const path = findPackageJSON(name, import.meta.url)
  return path === undefined
    ? 'unknown'
    : (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}

/** The machine and the versions of what is under test. */
export const describeMachine = (): Omit<Machine, 'before' | 'foreignShare' | 'busy'> => ({
  processor: cpus()[0]?.model.trim() ?? 'unknown',
  cores: availableParallelism(),
  memoryGb: Math.round(totalmem() / 1024 ** 3),
  system: type(),
  kernel: release(),
  versions: {
    tollgate: versionOf('tollgate'),
    node: process.versions.node,
    v8: process.versions.v8,
    'isolated-vm': versionOf('isolated-vm'),
  },
})

const SPIN = `
const { parentPort } = require('node:worker_threads')
const start = performance.now()
const cpu = process.threadCpuUsage()
while (performance.now() - start < ${SPIN_MS});
const { user, system } = process.threadCpuUsage(cpu)
parentPort.postMessage((user + system) / 1000 / (performance.now() - start))`

const spin = (): Promise<number> => {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  new Worker(SPIN, { eval: true }).on('message', resolve).on('error', reject)
  return promise
}

/** Keeps every processor busy for a moment and sees how much of each it gets. */
export const measureQuiet = async (): Promise<Quiet> => {
  const shares = await Promise.all(Array.from({ length: availableParallelism() }, spin))
  return { share: shares.reduce((sum, share) => sum + share, 0) / shares.length, load: loadavg()[0] ?? 0 }
}

/** Begins to watch what others use; the returned function tells their share of all processors since then. */
export const watchOthers = (): (() => number) => {
  const startMs = performance.now()
  const before = cpuMsOfOthers()
  return () => {
    let foreignMs = 0
    for (const [one, cpuMs] of cpuMsOfOthers()) foreignMs += cpuMs - (before.get(one) ?? 0)
    return foreignMs / (performance.now() - startMs) / availableParallelism()
  }
}

/** Whether others used so much that the figures say more about them. */
export const isDisturbed = (foreignShare: number): boolean => foreignShare > 1 - SHARE_MIN

/** What is wrong with measuring now, or undefined. */
export const whyBusy = ({ share, load }: Quiet): string | undefined => {
  if (share < SHARE_MIN)
    return `other work takes ${Math.round((1 - share) * 100)} % of the processors (${Math.round((1 - SHARE_MIN) * 100)} % at most)`
  const loadMax = LOAD_PER_CORE_MAX * availableParallelism()
  return load > loadMax
    ? `the load average is ${load.toFixed(2)} (${loadMax} at most on ${availableParallelism()} processors)`
    : undefined
}
