import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { FRAME_BYTES_MAX, type CageFrame, type HostFrame } from '../../runtime/abi/frames.ts'
import { isTollgateError, TollgateError } from '../errors/tollgate-error.ts'
import { checkCageFrame } from './check.ts'
import { encodeFrame, FrameReader } from './port.ts'
import { cageProfile, type CageOptions } from './profile.ts'

const STDERR_TAIL_SIZE_MAX = 4_096
const UNREAD_BYTES_MAX = 2 * FRAME_BYTES_MAX

/** How a cage ended: `error` is set when its process never ran. */
export type CageExit = {
  readonly code: number | null
  readonly signal: string | null
  readonly error?: Error
}

/** A running cage. Assign the three handlers before the next turn of the event loop; nothing arrives earlier. */
export interface Cage {
  readonly pid: number
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

const defaultEntry = (): string => {
  const manifest = findPackageJSON(import.meta.url)
  if (manifest === undefined)
    throw new TollgateError('INTERNAL_CAGE_START', 'The folder of the package cannot be found.', {
      gate: 'cage',
    })
  return join(dirname(manifest), 'dist', 'cage', 'main.js')
}

const startProcess = (options: CageOptions): ChildProcess => {
  const entry = options.entry ?? defaultEntry()
  if (!existsSync(entry))
    throw new TollgateError('INTERNAL_CAGE_START', 'The entry of the cage is missing; run `npm run build`.', {
      gate: 'cage',
    })
  const { command, args, env } = cageProfile(entry, options)
  return spawn(command, args, {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env,
    cwd: '/',
    detached: false,
    windowsHide: true,
  })
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
  const cage: Cage = {
    pid: child.pid,
    send(frame, segments = []) {
      if (port.destroyed) return
      port.write(encodeFrame(frame, segments))
      if (port.writableLength > UNREAD_BYTES_MAX) breach('The cage does not read.')
    },
    setIdle(isIdle) {
      const handles = [child, port, child.stderr as Socket | null]
      for (const handle of handles)
        if (isIdle) handle?.unref()
        else handle?.ref()
    },
    kill: () => void child.kill('SIGKILL'),
    stderrTail: tailOf(child),
    onFrame: () => undefined,
    onBreach: () => undefined,
    onExit: () => undefined,
  }
  const breach = listen(port, cage)
  child.on('error', () => undefined)
  child.on('close', (code, signal) => cage.onExit({ code, signal }))
  return cage
}
