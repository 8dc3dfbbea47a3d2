import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { constants } from 'node:os'
import { FRAME_BYTES_MAX, type CageFrame, type HostFrame } from '../../runtime/abi/frames.ts'
import { isTollgateError, TollgateError } from '../errors/tollgate-error.ts'
import { checkCageFrame } from './check.ts'
import { encodeFrame, FrameReader } from './port.ts'
import { boxFor } from './boxes.ts'
import { withNothingInherited } from './descriptors.ts'
import { gatherParts } from './parts.ts'
import type { Tier } from './tiers.ts'

const STDERR_TAIL_SIZE_MAX = 4_096
/** Longest time that a cage which was given up before it was ready may take to find out. */
const HALF_BUILT_MS_MAX = 10_000
const UNREAD_BYTES_MAX = 2 * FRAME_BYTES_MAX

/** How a cage ended: `error` is set when its process never ran. */
export type CageExit = {
  readonly code: number | null
  readonly signal: string | null
  readonly error?: Error
}

/** A running cage. Assign the three handlers before the next turn of the event loop; nothing arrives earlier. */
export interface Cage {
  /** The process that was started: Node itself, or what launched it. Its end is the end of all. */
  readonly pid: number
  /** Node's own process, as the host sees it. Ask once the cage is ready. */
  nodePid(): number
  /** Queues a frame; never blocks. A cage that stops reading breaches once twice FRAME_BYTES_MAX is waiting. */
  send(frame: HostFrame, segments?: readonly string[]): void
  /** Whether the host's process may end while this cage lives. */
  setIdle(isIdle: boolean): void
  /** SIGKILL: the only end that a hostile guest cannot delay. Safe to repeat. */
  kill(): void
  /** The last 4,096 characters of the cage's standard error; for the host's log, written by whoever holds the cage. */
  stderrTail(): string
  /** A well-formed frame. Whether it is in turn is for the receiver to judge. */
  onFrame: (frame: CageFrame, segments: readonly string[]) => void
  /** Called once, with the reason, when the cage sent what no cage sends. Nothing is delivered afterwards; kill it. */
  onBreach: (reason: string) => void
  /** Called once, after the last frame. */
  onExit: (exit: CageExit) => void
}

/** How a cage is started. */
export type CageOptions = {
  /** The bundled entry. Default: dist/cage/main.mjs of this package. */
  readonly entry?: string
  /** Default: T1, which every Linux has. */
  readonly tier?: Tier
  /** No machine code from guest code: `security.profile: strict`. */
  readonly isStrict?: boolean
  /** False only to see what the box holds back by itself. */
  readonly hasPermissions?: boolean
  /** A further argument for the entry. */
  readonly argument?: string
}

const startProcess = ({
  entry,
  tier = 'T1',
  isStrict = false,
  hasPermissions = true,
  argument,
}: CageOptions): ChildProcess => {
  const more = { isJitless: isStrict, hasPermissions, ...(argument !== undefined && { argument }) }
  const box = boxFor(tier, { ...gatherParts(entry), ...more }, process.arch)
  if (box === undefined)
    throw new TollgateError('INTERNAL_CAGE_START', `The tier ${tier} cannot be had on this processor.`, {
      gate: 'cage',
    })
  const child = withNothingInherited(
    ['ignore', 'ignore', 'pipe', 'pipe', box.filter === undefined ? 'ignore' : 'pipe'],
    (stdio) =>
      spawn(box.command, box.args, { stdio, env: box.env, cwd: '/', detached: false, windowsHide: true }),
  )
  const filter = child.stdio[4]
  if (box.filter !== undefined && filter instanceof Socket) {
    // A launcher that could not start says so by its exit.
    filter.on('error', () => undefined)
    filter.end(box.filter)
  }
  return child
}

const SIGNALS = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]))

/** A launcher reports the signal that ended Node as 128 + its number, as a shell does. */
const exitOf = (code: number | null, signal: string | null): CageExit => {
  const inner = code !== null && code > 128 ? SIGNALS.get(code - 128) : undefined
  return inner === undefined ? { code, signal } : { code: null, signal: inner }
}

/** Follows a launcher to the process at the end of its line; each has one child at most. */
const youngest = (pid: number): number => {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  return child === undefined || child === '' ? pid : youngest(Number(child))
}

/** Keeps the end of what the cage writes to its standard error. */
const tailOf = (child: ChildProcess): (() => string) => {
  let tail = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-STDERR_TAIL_SIZE_MAX)
  })
  child.stderr?.on('error', () => undefined)
  return () => tail
}

/** Reads the port: every frame is decoded and judged, and the first bad one ends the reading. */
const listen = (socket: Socket, cage: Cage): ((reason: string) => void) => {
  const reader = new FrameReader()
  let breached = false
  const breach = (reason: string): void => {
    if (breached) return
    breached = true
    cage.onBreach(reason)
  }
  const take = (bytes: Buffer): void => {
    for (const { header, segments } of reader.push(bytes)) {
      if (breached) return
      const frame = checkCageFrame(header, segments)
      if (typeof frame === 'string') return breach(frame)
      cage.onFrame(frame, segments)
    }
  }
  socket.on('data', (bytes: Buffer) => {
    if (breached) return
    try {
      take(bytes)
    } catch (error) {
      if (!isTollgateError(error) || error.code !== 'GUEST_BREACH') throw error
      breach(error.message)
    }
  })
  // A cage that was killed resets the port; its exit says so.
  socket.on('error', () => undefined)
  return breach
}

/**
 * Starts a cage process. It answers the `hello` frame with `ready`.
 * Throws INTERNAL_CAGE_START when the bundled entry is missing or no process can be made.
 */
export const launchCage = (options: CageOptions = {}): Cage => {
  const child = startProcess(options)
  const port = child.stdio[3]
  if (child.pid === undefined || !(port instanceof Socket)) {
    child.on('error', () => undefined)
    throw new TollgateError('INTERNAL_CAGE_START', 'The process of the cage could not be made.', {
      gate: 'cage',
    })
  }
  let hasSpoken = false
  port.once('data', () => {
    hasSpoken = true
  })
  const cage: Cage = {
    pid: child.pid,
    nodePid: () => youngest(cage.pid),
    send(frame, segments = []) {
      if (port.destroyed) return
      // What is sent in one turn of the event loop leaves in one write.
      if (port.writableCorked === 0) {
        port.cork()
        process.nextTick(() => port.uncork())
      }
      port.write(encodeFrame(frame, segments))
      if (port.writableLength > UNREAD_BYTES_MAX) breach('The cage does not read.')
    },
    setIdle(isIdle) {
      const handles = [child, port, child.stderr as Socket | null]
      for (const handle of handles)
        if (isIdle) handle?.unref()
        else handle?.ref()
    },
    kill() {
      port.destroy()
      if (hasSpoken) return void child.kill('SIGKILL')
      // A launcher that is killed while it builds the box leaves a half-built one behind. No guest code runs before the first
      // frame, so the end of the port is enough: the cage reads it and ends itself.
      setTimeout(() => child.kill('SIGKILL'), HALF_BUILT_MS_MAX).unref()
    },
    stderrTail: tailOf(child),
    onFrame: () => undefined,
    onBreach: () => undefined,
    onExit: () => undefined,
  }
  const breach = listen(port, cage)
  child.on('error', () => undefined)
  child.on('close', (code, signal) => cage.onExit(exitOf(code, signal)))
  return cage
}
