import { createContext, runInContext } from 'node:vm'
import type { Opened, Rival, Setting } from './rival.ts'

type Guest = (input: unknown, call: (value: unknown) => Promise<unknown>) => Promise<unknown>

const open = ({ deadlineMs, call }: Setting): Promise<Opened> => {
  const held: object[] = []
  return Promise.resolve({
    async run({ source, input }) {
      const realm = createContext({ input: JSON.stringify(input ?? null), call })
      const code = `(${source})(JSON.parse(input), call)`
      return await (runInContext(code, realm, { timeout: deadlineMs }) as ReturnType<Guest>)
    },
    hold(count: number) {
      for (let n = 0; n < count; n += 1) {
        const realm = createContext({})
        runInContext('0', realm)
        held.push(realm)
      }
      return Promise.resolve()
    },
    close: () => {
      held.length = 0
      return Promise.resolve()
    },
  })
}

/** Node's own realms. Its documentation says that they are no security mechanism; here for the cost. */
export const nodeVm: Rival = {
  name: 'node:vm',
  isolation: 'none: a realm of the host process',
  scalesBy: 'opening twice',
  open,
}
