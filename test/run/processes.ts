import { readdirSync, readFileSync } from 'node:fs'

/** Processes that descend from this one, zombies left out. */
export function descendants(pid: number = process.pid): readonly number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (state === 'Z') continue
      children.set(Number(parent), [...(children.get(Number(parent)) ?? []), Number(name)])
    } catch {
      // It ended while we looked.
    }
  }
  const all: number[] = []
  for (const next = [pid]; next.length > 0;) {
    const own = children.get(next.pop() ?? 0) ?? []
    all.push(...own)
    next.push(...own)
  }
  return all
}

/** Descriptors that this process has open. */
export const openDescriptors = (): number => readdirSync('/proc/self/fd').length
