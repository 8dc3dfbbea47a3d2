import { randomUUID } from 'node:crypto'

/**
 * A new run id: `run_` and a UUID of version 7 (RFC 9562), so ids sort by the time of their making, `atMs` in milliseconds since
 * 1970. In the state a run then lies beside its neighbours in time, and writing one costs the same however many there are;
 * with random ids it cost half as much again at 40,000.
 */
export const newRunId = (atMs: number): string => {
  const time = Math.trunc(atMs).toString(16).padStart(12, '0').slice(-12)
  return `run_${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}
