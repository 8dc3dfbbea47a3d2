/** Numbers as people read them, for explanations and problems. */

const trimmed = (value: number): string => String(Number(value.toFixed(value < 100 ? 2 : 0)))

/** `0 bytes`, `64 KB`, `1.25 MB`; 1 KB is 1024 bytes, as in the policy. */
export const inBytes = (bytes: number): string => {
  if (bytes < 1024) return `${bytes} bytes`
  const units = ['KB', 'MB', 'GB', 'TB']
  let value = bytes / 1024
  while (value >= 1024 && units.length > 1) {
    value /= 1024
    units.shift()
  }
  return `${trimmed(value)} ${units[0]}`
}

/** `$0.50`, `$0.002`: two decimals, and as many more as the amount has. Exact to the micro-dollar. */
export const inDollars = (microUsd: number): string => {
  const exact = (microUsd / 1e6).toFixed(6).replace(/0{1,4}$/, '')
  return `$${exact}`
}

/** `250 ms`, `90 s`, `5 min`, `24 h`: the largest unit that needs no fraction. */
export const inTime = (ms: number): string => {
  if (ms % 1000 !== 0) return `${ms} ms`
  if (ms >= 3_600_000 && ms % 3_600_000 === 0) return `${ms / 3_600_000} h`
  return ms > 120_000 && ms % 60_000 === 0 ? `${ms / 60_000} min` : `${ms / 1000} s`
}

/** `1 call`, `20 calls`, `no call`. */
export const counted = (count: number, one: string): string =>
  count === 0 ? `no ${one}` : `${count} ${one}${count === 1 ? '' : 's'}`
