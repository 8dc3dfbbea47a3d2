import type { Dial } from './connection.ts'
import { numberParameters } from './gate/parameters.ts'
import type { LoadedParts, PostgresParts } from './line.ts'
import { openServer } from './opened-server.ts'

/** The parts that enforce. The parser and the library of the protocol are loaded by the first statement of a process. */
export const postgresParts = (dial: Dial): PostgresParts => ({
  dial,
  async load(): Promise<LoadedParts> {
    const [{ PostgresConnection }, { checkTree, loadGate }, { checkWriteTree }] = await Promise.all([
      import('./connection.ts'),
      import('./gate/gate.ts'),
      import('./gate/write-gate.ts'),
    ])
    await loadGate()
    return {
      begin: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
      beginWrite: 'BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE',
      connect: (...of) => new PostgresConnection(...of),
      open: openServer,
      gate(asked, { named }, { hidden }) {
        const numbered = numberParameters(asked.sql, asked.params)
        const left = [...named.tables].filter((name) => !hidden.includes(name.toLowerCase()))
        const shown = { ...named, tables: new Set(left) }
        if (asked.kind === 'execute') checkWriteTree(numbered.text, shown, asked)
        else checkTree(numbered.text, shown)
        return numbered
      },
    }
  },
})
