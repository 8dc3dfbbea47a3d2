import type { StdioOptions } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'

type Stdio = Exclude<StdioOptions, string>

/** FD_CLOEXEC, as proc_pid_fdinfo(5) shows it. */
const CLOSES_ON_EXEC = 0o2000000

const closesOnExec = (descriptor: number): boolean => {
  try {
    const [, flags = ''] =
      /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8')) ?? []
    return (Number.parseInt(flags, 8) & CLOSES_ON_EXEC) !== 0
  } catch {
    // It was closed meanwhile: it was the one that listed them.
    return true
  }
}

/** Descriptors of this process, beyond the first `count`, that a process which it starts would inherit. */
const inheritable = (count: number): readonly number[] => {
  let names: readonly string[]
  try {
    names = readdirSync('/proc/self/fd')
  } catch {
    return []
  }
  return names.map(Number).filter((descriptor) => descriptor >= count && !closesOnExec(descriptor))
}

/**
 * Starts a process that gets these descriptors and no other. Node lets its children inherit what it has itself inherited
 * under a high number, a database of whoever started the embedder for one: in the child there is nothing (/dev/null) in its place.
 */
export const withNothingInherited = <T>(stdio: Stdio, start: (stdio: Stdio) => T): T => {
  const leaks = inheritable(stdio.length)
  if (leaks.length === 0) return start(stdio)
  const nothing = openSync('/dev/null', 'r+')
  try {
    const size = Math.max(...leaks) + 1
    const rest = Array.from({ length: size - stdio.length }, (_, at) =>
      leaks.includes(stdio.length + at) ? nothing : 'ignore',
    )
    return start([...stdio, ...rest])
  } finally {
    closeSync(nothing)
  }
}
