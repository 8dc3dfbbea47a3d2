import { closeSync, openSync, readSync } from 'node:fs'
import { TollgateError } from '../errors/tollgate-error.ts'

/** What a process used, as the kernel of the operating system counts it; nothing here is the cage's own word. */
export type MeterReading = { readonly cpuMs: number; readonly residentBytes: number }

export type Meter = {
  /** Undefined once the process is gone. */
  read(): MeterReading | undefined
  close(): void
}

/** USER_HZ, which Linux fixes at 100 for what it shows to processes. */
const TICK_MS = 10
const PAGE_BYTES = 4096
const TEXT_BYTES_MAX = 1024
/** The ticks move once in 10 ms, so reading them more often than twice in that time is no use. */
const TICKS_GOOD_MS = 5

/** utime and stime of the whole process, fields 14 and 15 of proc_pid_stat(5); the name in field 2 may hold anything. */
function processTicks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

/**
 * Opens the accounts of a process in /proc once, for reading often: 10 µs a reading. CPU time is the larger of the exact time
 * of its main thread, where guest code runs, and of all threads together, which is counted in steps of 10 ms.
 * Throws INTERNAL_CAGE_START where there is no /proc.
 */
export function openMeter(pid: number): Meter {
  const buffer = Buffer.alloc(TEXT_BYTES_MAX)
  const opened: number[] = []
  const open = (name: string): number => {
    const descriptor = openSync(`/proc/${pid}/${name}`, 'r')
    opened.push(descriptor)
    return descriptor
  }
  const close = (): void => {
    for (const descriptor of opened.splice(0)) closeSync(descriptor)
  }
  const text = (descriptor: number): string =>
    buffer.toString('latin1', 0, readSync(descriptor, buffer, 0, TEXT_BYTES_MAX, 0))
  try {
    const [stat, statm, schedstat] = [open('stat'), open('statm'), open('schedstat')]
    let ticks = 0
    let ticksAtMs = -Infinity
    return {
      read() {
        if (opened.length === 0) return undefined
        try {
          const mainMs = Number(text(schedstat).split(' ', 1)[0]) / 1e6
          const nowMs = performance.now()
          if (nowMs - ticksAtMs >= TICKS_GOOD_MS) {
            ticks = processTicks(text(stat))
            ticksAtMs = nowMs
          }
          const cpuMs = Math.max(mainMs, ticks * TICK_MS)
          return { cpuMs, residentBytes: Number(text(statm).split(' ', 2)[1]) * PAGE_BYTES }
        } catch {
          return undefined
        }
      },
      close,
    }
  } catch (cause) {
    close()
    throw new TollgateError(
      'INTERNAL_CAGE_START',
      'A cage cannot be metered: Tollgate reads /proc, so it needs Linux.',
      { gate: 'watchdog', cause },
    )
  }
}
