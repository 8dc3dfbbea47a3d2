/** The benchmark's end of a process that embeds one contender. */
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import type { Rival } from '../rivals/rival.ts'
import type { LaneActs, LaneSetting } from './lane-acts.ts'
import type { LaneAnswer, LaneRequest } from './lane-process.ts'
import { cpuMsOf, killTree } from './process-tree.ts'

const ENTRY = join(import.meta.dirname, 'lane-process.ts')
const OPEN_MS_MAX = 30_000
const CLOSE_MS_MAX = 3_000
/** What spins for ever ends by this, should even the benchmark be gone. */
const CPU_SECONDS_MAX = 900
const STDERR_TAIL_MAX = 600

const living = new Set<Lane>()
process.on('exit', () => {
  for (const lane of living) lane.kill()
})

type Asked<Act extends keyof LaneActs> = Parameters<LaneActs[Act]>[0]
type Answered<Act extends keyof LaneActs> = Awaited<ReturnType<LaneActs[Act]>>

export class Lane implements AsyncDisposable {
  readonly rival: Rival
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #requests = 0
  #stderr = ''
  #ended: string | undefined

  constructor(rival: Rival) {
    this.rival = rival
    const limited = `ulimit -t ${CPU_SECONDS_MAX}; exec "$0" --disable-warning=ExperimentalWarning "$1"`
    this.#child = spawn('/bin/sh', ['-c', limited, process.execPath, ENTRY], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    living.add(this)
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_TAIL_MAX)
    })
    this.#child.on('message', (message) => this.#take(message as LaneAnswer))
    this.#child.on('error', (error) => this.#end(String(error)))
    this.#child.on('exit', (code, signal) =>
      this.#end(`the host process ended with ${signal ?? `exit code ${code}`}`),
    )
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Why the process is gone, or undefined while it lives. */
  get ended(): string | undefined {
    return this.#ended
  }

  /** Rejects with what the contender said, when the process ends, and after `msMax`; a late process is killed. */
  async ask<Act extends keyof LaneActs>(act: Act, asked: Asked<Act>, msMax: number): Promise<Answered<Act>> {
    if (this.#ended !== undefined) throw new Error(this.#ended)
    this.#requests += 1
    const id = this.#requests
    const waiting = Promise.withResolvers<unknown>()
    this.#waiting.set(id, waiting)
    const request: LaneRequest = { id, act, asked }
    this.#child.send(request, () => undefined)
    const timer = setTimeout(() => {
      this.kill()
      waiting.reject(new Error(`gave no answer within ${Math.round(msMax)} ms`))
    }, msMax)
    try {
      return (await waiting.promise) as Answered<Act>
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(id)
    }
  }

  /** CPU time of the process and all that it started. */
  cpuMs(): number {
    return cpuMsOf(this.pid)
  }

  kill(): void {
    if (this.#ended === undefined) killTree(this.pid)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.ask('close', undefined, CLOSE_MS_MAX)
    } catch {
      // It is ended all the same.
    }
    this.kill()
    living.delete(this)
  }

  #take({ id, value, failure }: LaneAnswer): void {
    const waiting = this.#waiting.get(id)
    if (failure === undefined) waiting?.resolve(value)
    else waiting?.reject(new Error(failure))
  }

  #end(why: string): void {
    this.#ended ??= this.#stderr.trim() === '' ? why : `${why}: ${this.#stderr.trim().slice(-200)}`
    for (const waiting of this.#waiting.values()) waiting.reject(new Error(this.#ended))
    living.delete(this)
  }
}

/** Starts a process and opens the contender in it. Throws what the contender said; nothing is left behind then. */
export const openLane = async (rival: Rival, setting: LaneSetting): Promise<Lane> => {
  const lane = new Lane(rival)
  try {
    await lane.ask('open', { rival: rival.name, setting }, OPEN_MS_MAX)
    return lane
  } catch (error) {
    lane.kill()
    throw error
  }
}
