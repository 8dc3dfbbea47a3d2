import { TollgateError } from '../../../errors/tollgate-error.ts'
import type { Upkeep, UpkeepFinding, UpkeepPlan } from '../../capability.ts'
import type { DatabaseGrant } from '../database-grant.ts'
import type { DbGrant } from '../grant.ts'
import type { DbPowers } from '../powers.ts'
import { refusalError } from '../refusal-error.ts'
import { readAddress } from './address.ts'
import { refusedAtOpening } from './failure.ts'
import { POSTGRES_FUNCTIONS } from './functions.ts'
import { toldBy } from '../answer.ts'
import { connectionOf, withinStart } from './connecting.ts'
import type { PostgresConnection } from './connection.ts'
import type { LoadedParts } from './line.ts'
import { postgresParts } from './parts.ts'
import { Refused } from './refused.ts'
import { filterText, roleStatements } from './role-sql.ts'
import type { ServerGrant } from './server-grant.ts'
import { surplusOf } from './surplus.ts'
import { linksBeyond } from './writable-tables.ts'

type Served = DatabaseGrant & { readonly server: ServerGrant }

/** What an operator does so that databases on servers fit their grants. */
export const serverUpkeep: Required<Upkeep> = {
  plan: (grant, part) =>
    Promise.all(
      servedBy(grant as DbGrant)
        .filter(({ name }) => part === undefined || name === part)
        .map(planOf),
    ),
  apply: (plan, url, powers) => apply(plan, url, powers as DbPowers),
  async inspect(grant, { powers, secrets }) {
    const { dial } = powers as DbPowers
    const found = servedBy(grant as DbGrant).map(async (database): Promise<readonly UpkeepFinding[]> => {
      try {
        return await inspect(database, { dial, secret: secrets.get(database.server.secret) })
      } catch (error) {
        const { code, message } = refusalError(refusedAtOpening(error), database)
        return [{ ...findingOf(database, message), code }]
      }
    })
    return (await Promise.all(found)).flat()
  },
}

const servedBy = ({ databases }: DbGrant): readonly Served[] =>
  [...databases.values()].flatMap((one) => (one.server === undefined ? [] : [{ ...one, server: one.server }]))

const findingOf = ({ rule }: DatabaseGrant, message: string, isTolerated = false): UpkeepFinding => ({
  code: 'CONFIG_DB_UNFIT',
  path: rule,
  message,
  isTolerated,
})

async function planOf(database: Served): Promise<UpkeepPlan> {
  const { checkTree, loadGate } = await import('./gate/gate.ts')
  await loadGate()
  for (const { name, where } of database.tables) {
    if (where === undefined) continue
    try {
      // Without a table in reach, and with functions that compute: a filter reads its own row and nothing else.
      checkTree(`SELECT (${filterText(where)})`, FILTER_NAMES)
    } catch (error) {
      const why = error instanceof Refused ? error.detail : 'it cannot be read'
      const refused = new Refused('unfit', `the filter of ${name} does not fit: ${why}`)
      throw refusalError(refused, database)
    }
  }
  const { name, rule, server } = database
  return { part: name, rule, statements: roleStatements(database, server) }
}

const NONE: ReadonlySet<string> = new Set()
/** No server is asked, so whatever stands behind a value may be a function. Of a row no function does more than compute. */
const FILTER_NAMES = {
  tables: NONE,
  functions: new Set([...POSTGRES_FUNCTIONS, 'current_setting']),
  columns: NONE,
  rowFunctions: NONE,
  valueFunctions: { has: () => true },
  writable: new Map(),
}

async function apply({ part, rule, statements }: UpkeepPlan, url: string, { dial }: DbPowers): Promise<void> {
  const { connect } = await postgresParts(dial).load()
  const failed = (message: string, cause?: unknown): TollgateError =>
    new TollgateError('CONFIG_DB_UNFIT', `The role of ${part} was not set up: ${message}.`, { rule, cause })
  let connection: PostgresConnection | undefined
  try {
    connection = connect(readAddress(url), dial, {})
    await withinStart(connection, connection.open.bind(connection))
  } catch (error) {
    connection?.destroy()
    throw failed(refusedAtOpening(error).detail)
  }
  try {
    for (const statement of ['BEGIN', ...statements, 'COMMIT'])
      await withinStart(connection, () => connection.all(statement))
  } catch (error) {
    throw failed(toldBy((error as Error).message))
  } finally {
    connection.destroy()
  }
}

async function inspect(
  database: Served,
  { dial, secret }: Pick<Parameters<typeof connectionOf>[1], 'secret'> & { dial: DbPowers['dial'] },
): Promise<readonly UpkeepFinding[]> {
  const { server } = database
  const parts = await postgresParts(dial).load()
  const connection = connectionOf(database, { server, secret, dial, connect: parts.connect })
  try {
    return await withinStart(connection, () => inspectOn(connection, parts, database))
  } finally {
    connection.destroy()
  }
}

async function inspectOn(
  connection: PostgresConnection,
  parts: LoadedParts,
  database: Served,
): Promise<readonly UpkeepFinding[]> {
  const { server } = database
  await connection.open()
  const surplus = await surplusOf(connection, database, server)
  const links = await linksBeyond(connection, database)
  const findings = [
    ...surplus.map(({ what, isDefault }) =>
      findingOf(database, `the role ${server.role} ${what}`, isDefault),
    ),
    ...links.map((what) => findingOf(database, what)),
  ]
  if (findings.some(({ isTolerated }) => !isTolerated)) return findings
  await parts.open(connection, database, server)
  return findings
}
