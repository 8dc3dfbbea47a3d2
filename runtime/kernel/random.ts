import { define, MathImul, MathObject } from './primordials.ts'

/** Sets the four unsigned 32-bit words of the state. */
export type Reseed = (a: number, b: number, c: number, d: number) => void

const rotl = (word: number, by: number): number => (word << by) | (word >>> (32 - by))

/**
 * Replaces Math.random by xoshiro128** (Blackman and Vigna), seeded by the host: the same seed gives the same numbers, and
 * nothing of the engine's own generator shows. Not for keys: whoever knows the seed knows the numbers.
 */
export const installRandom = (): Reseed => {
  let s0 = 1
  let s1 = 2
  let s2 = 3
  let s3 = 4
  const next = (): number => {
    const result = MathImul(rotl(MathImul(s1, 5), 7), 9) >>> 0
    const t = s1 << 9
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= t
    s3 = rotl(s3, 11)
    return result
  }
  const holder = { random: (): number => ((next() >>> 5) * 0x4000000 + (next() >>> 6)) / 0x20000000000000 }
  define(MathObject, 'random', holder.random)
  return (a, b, c, d) => {
    s0 = a | 0
    s1 = b | 0
    s2 = c | 0
    s3 = d | 0
    // The generator stands still when all its words are zero.
    if ((s0 | s1 | s2 | s3) === 0) s0 = 1
  }
}
