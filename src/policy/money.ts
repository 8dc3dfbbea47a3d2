const DECIMAL = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/

/** Most dollars that any key of a policy may name; keeps every sum of micro-dollars exact. */
export const USD_MAX = 1_000_000

/**
 * Dollars as whole micro-dollars (millionths), exact: it is the decimal number as written that is converted, not its binary
 * neighbour. Prices round `up` and limits `down`, so that rounding never lets more money out. `usd` must be finite and not negative.
 */
export function microUsd(usd: number, round: 'up' | 'down'): number {
  const [, whole = '0', fraction = '', exponent = '0'] = DECIMAL.exec(String(usd)) ?? []
  // usd = digits * 10 ** -scale, so micro = digits * 10 ** (6 - scale).
  const digits = BigInt(whole + fraction)
  const power = 6 - fraction.length + Number(exponent)
  if (power >= 0) return Number(digits * 10n ** BigInt(power))
  const divisor = 10n ** BigInt(-power)
  const floor = digits / divisor
  return Number(round === 'up' && floor * divisor !== digits ? floor + 1n : floor)
}
