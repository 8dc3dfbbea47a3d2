import { vi } from 'vitest'

/** Waits until something is so. Gives up before the test would, so that nothing goes on behind a test that failed. */
export const until = (isSo: () => boolean | Promise<boolean>): Promise<boolean> =>
  vi.waitUntil(isSo, { timeout: 25_000, interval: 2 })
