import { runInThisContext } from 'node:vm'
import type { Opened, Rival, Setting } from './rival.ts'

type Guest = (input: unknown, call: Setting['call']) => Promise<unknown>

/** No isolation at all: the guest is a function of the host. What computing costs without a cage. */
export const plainNode: Rival = {
  name: 'plain Node',
  isolation: 'none',
  scalesBy: 'opening twice',
  open: ({ call }): Promise<Opened> =>
    Promise.resolve({
      // Compiled anew for each run, as a guest is.
      run: ({ source, input }) => (runInThisContext(`(${source})`) as Guest)(input, call),
      close: () => Promise.resolve(),
    }),
}
