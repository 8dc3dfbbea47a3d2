import { getRandomValues } from 'node:crypto'
import type { StartFrame } from '../../runtime/abi/frames.ts'

/** Asking the operating system costs 10 µs, for four numbers as for a thousand. */
const pool = new Uint32Array(1_024)
let used = pool.length

/** A seed for the random numbers of one run: four unsigned 32-bit integers that no other run gets. */
export const nextSeed = (): StartFrame['seed'] => {
  if (used === pool.length) {
    getRandomValues(pool)
    used = 0
  }
  const seed = [...pool.subarray(used, used + 4)] as StartFrame['seed']
  used += 4
  return seed
}
