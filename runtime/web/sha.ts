import { Uint8ArrayClass } from '../kernel/primordials.ts'

/** The first primes; the constants of the SHA-2 family are the fractions of their roots (FIPS 180-4, sections 4.2 and 5.3). */
const primes: bigint[] = []
for (let n = 2n; primes.length < 80; n += 1n) if (primes.every((prime) => n % prime !== 0n)) primes.push(n)

/** The integer part of the nth root, by bisection. */
const root = (value: bigint, degree: bigint): bigint => {
  let low = 0n
  let high = 1n << 80n
  while (high - low > 1n) {
    const middle = (low + high) >> 1n
    if (middle ** degree <= value) low = middle
    else high = middle
  }
  return low
}
/** The first 64 bits of the fraction of a root. */
const fraction = (prime: bigint, degree: bigint): bigint =>
  BigInt.asUintN(64, root(prime << (64n * degree), degree))

const K = primes.map((prime) => fraction(prime, 3n))
const SQUARES = primes.slice(0, 16).map((prime) => fraction(prime, 2n))

type Kind = {
  readonly bits: 32 | 64
  readonly rounds: number
  /** Rotations of the two big and of the two small sigmas; a small one's third is a shift. */
  readonly turns: readonly (readonly [bigint, bigint, bigint])[]
}
const WORD32: Kind = {
  bits: 32,
  rounds: 64,
  turns: [
    [2n, 13n, 22n],
    [6n, 11n, 25n],
    [7n, 18n, 3n],
    [17n, 19n, 10n],
  ],
}
const WORD64: Kind = {
  bits: 64,
  rounds: 80,
  turns: [
    [28n, 34n, 39n],
    [14n, 18n, 41n],
    [1n, 8n, 7n],
    [19n, 61n, 6n],
  ],
}

/** The message with its padding and its length (section 5.1). */
const pad = (bytes: Uint8Array, wordBits: number): Uint8Array => {
  const block = wordBits * 2
  const tail = wordBits / 4
  const padded = new Uint8ArrayClass(Math.ceil((bytes.length + 1 + tail) / block) * block)
  for (let i = 0; i < bytes.length; i += 1) padded[i] = bytes[i] ?? 0
  padded[bytes.length] = 0x80
  let bits = bytes.length * 8
  for (let at = padded.length - 1; bits > 0; at -= 1) {
    padded[at] = bits % 256
    bits = Math.floor(bits / 256)
  }
  return padded
}

const wordAt = (bytes: Uint8Array, at: number, size: number): bigint => {
  let word = 0n
  for (let i = 0; i < size; i += 1) word = (word << 8n) | BigInt(bytes[at + i] ?? 0)
  return word
}

const toBytes = (words: readonly bigint[], size: number, length: number): Uint8Array => {
  const bytes = new Uint8ArrayClass(length)
  for (let i = 0; i < length; i += 1) {
    const shift = BigInt(8 * (size - 1 - (i % size)))
    bytes[i] = Number(((words[Math.floor(i / size)] ?? 0n) >> shift) & 255n)
  }
  return bytes
}

/** SHA-256, SHA-384 and SHA-512: one loop, two sizes of word. */
const sha2 = (message: Uint8Array, kind: Kind, start: readonly bigint[], length: number): Uint8Array => {
  const { bits, rounds, turns } = kind
  const wide = BigInt(bits)
  const size = bits / 8
  const cut = (x: bigint): bigint => BigInt.asUintN(bits, x)
  const turn = (x: bigint, by: bigint): bigint => (x >> by) | cut(x << (wide - by))
  const big = (x: bigint, of: number): bigint => {
    const [p, q, r] = turns[of] as Kind['turns'][number]
    return turn(x, p) ^ turn(x, q) ^ turn(x, r)
  }
  const small = (x: bigint, of: number): bigint => {
    const [p, q, r] = turns[of] as Kind['turns'][number]
    return turn(x, p) ^ turn(x, q) ^ (x >> r)
  }
  const bytes = pad(message, bits)
  let state = start
  for (let at = 0; at < bytes.length; at += 16 * size) {
    const w: bigint[] = []
    for (let i = 0; i < rounds; i += 1) {
      const before = (back: number): bigint => w[i - back] ?? 0n
      w[i] =
        i < 16
          ? wordAt(bytes, at + i * size, size)
          : cut(small(before(2), 3) + before(7) + small(before(15), 2) + before(16))
    }
    let [a, b, c, d, e, f, g, h] = state as [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint]
    for (let i = 0; i < rounds; i += 1) {
      const k = (K[i] ?? 0n) >> (64n - wide)
      const first = h + big(e, 1) + ((e & f) ^ (~e & g)) + k + (w[i] ?? 0n)
      const second = big(a, 0) + ((a & b) ^ (a & c) ^ (b & c))
      ;[h, g, f, e, d, c, b, a] = [g, f, e, cut(d + first), c, b, a, cut(first + second)]
    }
    const mixed = [a, b, c, d, e, f, g, h]
    state = state.map((word, i) => cut(word + (mixed[i] ?? 0n)))
  }
  return toBytes(state, size, length)
}

const SHA1_START = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0] as const

const sha1 = (message: Uint8Array): Uint8Array => {
  const rotl = (x: number, by: number): number => (x << by) | (x >>> (32 - by))
  const bytes = pad(message, 32)
  const state: number[] = [...SHA1_START]
  for (let at = 0; at < bytes.length; at += 64) {
    const w: number[] = []
    for (let i = 0; i < 80; i += 1)
      w[i] =
        i < 16
          ? Number(wordAt(bytes, at + i * 4, 4)) | 0
          : rotl((w[i - 3] ?? 0) ^ (w[i - 8] ?? 0) ^ (w[i - 14] ?? 0) ^ (w[i - 16] ?? 0), 1)
    let [a, b, c, d, e] = state as [number, number, number, number, number]
    for (let i = 0; i < 80; i += 1) {
      const quarter = Math.floor(i / 20)
      const f = quarter === 0 ? (b & c) | (~b & d) : quarter === 2 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d
      const k = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6][quarter] ?? 0
      ;[e, d, c, b, a] = [d, c, rotl(b, 30), a, (rotl(a, 5) + f + e + k + (w[i] ?? 0)) | 0]
    }
    const mixed = [a, b, c, d, e]
    for (let i = 0; i < 5; i += 1) state[i] = ((state[i] ?? 0) + (mixed[i] ?? 0)) | 0
  }
  return toBytes(
    state.map((word) => BigInt(word >>> 0)),
    4,
    20,
  )
}

/** Digests by the names that Web Crypto has for them; each gives new bytes. FIPS 180-4. */
export const DIGESTS: Readonly<Record<string, (message: Uint8Array) => Uint8Array>> = Object.freeze({
  __proto__: null as never,
  'SHA-1': sha1,
  'SHA-256': (message: Uint8Array) =>
    sha2(
      message,
      WORD32,
      SQUARES.slice(0, 8).map((word) => word >> 32n),
      32,
    ),
  'SHA-384': (message: Uint8Array) => sha2(message, WORD64, SQUARES.slice(8), 48),
  'SHA-512': (message: Uint8Array) => sha2(message, WORD64, SQUARES.slice(0, 8), 64),
})
