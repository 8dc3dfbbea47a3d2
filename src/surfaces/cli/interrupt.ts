const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Turns signals that end a process into two calls: `first` for the first one, `second` for every later one. Returns a
 * function that gives the signals back to the process.
 */
export const onInterrupt = (first: () => void, second: () => void): (() => void) => {
  let seen = 0
  const heard = (): void => {
    seen += 1
    if (seen === 1) first()
    else second()
  }
  for (const signal of SIGNALS) process.on(signal, heard)
  return () => {
    for (const signal of SIGNALS) process.off(signal, heard)
  }
}
