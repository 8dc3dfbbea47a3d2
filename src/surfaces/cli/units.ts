/** Numbers with their units, as people read them. */

/** `0 B`, `812 B`, `1.2 KB`, `3.4 MB`; 1 KB is 1024 bytes, as in the policy. */
export const formatBytes = (bytes: number): string => {
  if (bytes < 1024) return `${Math.round(bytes)} B`
  const kilobytes = bytes / 1024
  if (kilobytes < 1024) return `${trimmed(kilobytes)} KB`
  const megabytes = kilobytes / 1024
  return megabytes < 1024 ? `${trimmed(megabytes)} MB` : `${trimmed(megabytes / 1024)} GB`
}

/** `0.4 ms`, `12 ms`, `1.3 s`, `2 min 5 s`, `3 h 20 min`. */
export const formatMs = (ms: number): string => {
  if (ms < 1000) return `${ms < 10 ? trimmed(ms) : Math.round(ms)} ms`
  const seconds = ms / 1000
  if (seconds < 120) return `${trimmed(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 120) return `${minutes} min ${Math.round(seconds % 60)} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** `$0.00`, `$0.50`, `$0.002`, `$0.000015`: two decimals, and as many more as a micro-dollar needs. */
export const formatUsd = (usd: number): string => {
  const exact = usd.toFixed(6).replace(/0+$/, '')
  const decimals = exact.split('.')[1]?.length ?? 0
  return `$${decimals < 2 ? usd.toFixed(2) : exact}`
}

/** `1 call`, `2 calls`. */
export const formatCount = (count: number, one: string): string => `${count} ${count === 1 ? one : `${one}s`}`

const trimmed = (value: number): string =>
  value < 100 ? value.toFixed(1).replace(/\.0$/, '') : String(Math.round(value))
