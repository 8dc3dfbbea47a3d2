import type { Dial } from './connection.ts'
import type { LoadedParts, PostgresParts } from './line.ts'

/** The parts that enforce. The parser and the library of the protocol are loaded by the first statement of a process. */
export const postgresParts = (dial: Dial): PostgresParts => ({
  dial,
  async load(): Promise<LoadedParts> {
    const [{ PostgresConnection }, { checkTree, loadGate }, { numberParameters }] = await Promise.all([
      import('./connection.ts'),
      import('./gate/gate.ts'),
      import('./gate/parameters.ts'),
    ])
    await loadGate()
    return {
      begin: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
      connect: (...of) => new PostgresConnection(...of),
      gate({ sql, params }, { named }) {
        const numbered = numberParameters(sql, params)
        checkTree(numbered.text, named)
        return numbered
      },
    }
  },
})
