/** Dollars as whole micro-dollars (millionths), rounded up: a price is never understated. `usd` must be finite and not negative. */
export const microUsd = (usd: number): number => Math.max(0, Math.ceil(usd * 1e6 - 1e-6))

/** Whether a value is a number of dollars that something can cost. */
export const isPrice = (usd: unknown): usd is number =>
  typeof usd === 'number' && Number.isFinite(usd) && usd >= 0
