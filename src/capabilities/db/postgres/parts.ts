import type { Dial } from './connection.ts'
import { numberParameters } from './gate/parameters.ts'
import type { LoadedParts, PostgresParts } from './line.ts'
import { openServer } from './opened-server.ts'

/** The parts that enforce. The parser and the library of the protocol are loaded by the first statement of a process. */
export const postgresParts = (dial: Dial): PostgresParts => ({
  dial,
  async load(): Promise<LoadedParts> {
    const [{ PostgresConnection }, { checkTree, loadGate }] = await Promise.all([
      import('./connection.ts'),
      import('./gate/gate.ts'),
    ])
    await loadGate()
    return {
      begin: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
      connect: (...of) => new PostgresConnection(...of),
      open: openServer,
      gate({ sql, params }, { named }, { hidden }) {
        const numbered = numberParameters(sql, params)
        const left = [...named.tables].filter((name) => !hidden.includes(name.toLowerCase()))
        checkTree(numbered.text, { ...named, tables: new Set(left) })
        return numbered
      },
    }
  },
})
