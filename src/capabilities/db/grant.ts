import { TollgateError } from '../../errors/tollgate-error.ts'
import type { Grant, GrantedOp, GrantEnvironment, Judgement } from '../capability.ts'
import { compileDatabase, judgeQuery, judgeSchema, type DatabaseGrant } from './database-grant.ts'
import { declareDb } from './declaration.ts'
import { explainDatabase } from './explain.ts'
import { queryArguments, schemaArguments, type QueryArguments } from './ops.ts'
import type { DbDocument } from './schema.ts'

/** The compiled `permissions.db`. Beside the contract it has what the driver opens the databases with. */
export interface DbGrant extends Grant {
  readonly databases: ReadonlyMap<string, DatabaseGrant>
}

const VERBS = { query: queryArguments, schema: schemaArguments } as const

/** Compiles a parsed `permissions.db`. Pure: whether the file has what is granted shows when it is opened. */
export function compileDbGrant(document: DbDocument, environment: GrantEnvironment): DbGrant {
  const databases = new Map(
    Object.entries(document).map(
      ([name, entry]) => [name, compileDatabase(name, entry, environment)] as const,
    ),
  )
  const all = [...databases.values()]
  const named = new Map(
    all.flatMap((one) => opsOf(one).map((op) => [op.name, { op, database: one }] as const)),
  )
  return Object.freeze<DbGrant>({
    capability: 'db',
    databases,
    ops: Object.freeze([...named.values()].map(({ op }) => op)),
    judge(name, args): Judgement {
      const found = named.get(name)
      if (found === undefined)
        throw new TollgateError('DENIED_NOT_GRANTED', `${name.slice(0, 64)} is not granted.`)
      return found.op.path[2] === 'schema'
        ? judgeSchema(name, found.database)
        : judgeQuery(name, found.database, args as QueryArguments)
    },
    actionPattern: (text) => actionPattern(text.toLowerCase(), [...named.keys()]),
    explain: () => (all.length === 0 ? ['May use no database: db is empty.'] : all.flatMap(explainDatabase)),
    worstCase: () => ({
      ...(all.length === 0 && { callsMax: 0 }),
      egressBytesMax: {},
      callMicroUsdMax: 0,
      unattendedEffectsMax: 0,
    }),
    declare: () => declareDb(all),
  })
}

const opsOf = ({ name }: DatabaseGrant): readonly GrantedOp[] =>
  Object.entries(VERBS).map(([verb, schema]) =>
    Object.freeze({ name: `db.${name}.${verb}`, path: Object.freeze(['db', name, verb]), arguments: schema }),
  )

/** `db.NAME`, `db.NAME.query` and `db.query` (of every database). */
function actionPattern(
  text: string,
  ops: readonly string[],
): ((judgement: Judgement) => boolean) | undefined {
  const matching = ops.filter((op) => {
    const [, name = '', verb = ''] = op.toLowerCase().split('.')
    return [`db.${name}`, `db.${name}.${verb}`, `db.${verb}`].includes(text)
  })
  return matching.length === 0 ? undefined : ({ op }) => matching.includes(op)
}
