import { TollgateError } from '../../errors/tollgate-error.ts'
import type { Grant, GrantedOp, GrantEnvironment, Judgement } from '../capability.ts'
import { dbAttenuation } from './attenuation.ts'
import { compileDatabase, isWritable, judgeQuery, judgeSchema, type DatabaseGrant } from './database-grant.ts'
import { declareDb } from './declaration.ts'
import { explainDatabase } from './explain.ts'
import {
  commitArguments,
  executeArguments,
  queryArguments,
  schemaArguments,
  type CommitArguments,
  type ExecuteArguments,
  type QueryArguments,
} from './ops.ts'
import type { DbDocument } from './schema.ts'
import { judgeCommit, judgeExecute } from './write-judgement.ts'

/** The compiled `permissions.db`. Beside the contract it has what the driver opens the databases with. */
export interface DbGrant extends Grant {
  readonly databases: ReadonlyMap<string, DatabaseGrant>
}

const READS = { query: queryArguments, schema: schemaArguments }
const WRITES = { execute: executeArguments }
const COMMITS = { commit: commitArguments }

/** Compiles a parsed `permissions.db`. Pure: whether the file has what is granted shows when it is opened. */
export function compileDbGrant(document: DbDocument, environment: GrantEnvironment): DbGrant {
  const databases = new Map(
    Object.entries(document).map(
      ([name, entry]) => [name, compileDatabase(name, entry, environment)] as const,
    ),
  )
  const all = [...databases.values()]
  const writable = all.filter(isWritable)
  const ops = [...all.flatMap((one) => opsOf(one, READS)), ...writable.flatMap((one) => opsOf(one, WRITES))]
  const hostOps = writable
    .filter(({ transaction }) => transaction === 'run')
    .flatMap((one) => opsOf(one, COMMITS))
  const names = new Set([...ops, ...hostOps].map(({ name }) => name))
  return Object.freeze<DbGrant>({
    capability: 'db',
    databases,
    attenuation: dbAttenuation(databases),
    ops: Object.freeze(ops),
    hostOps: Object.freeze(hostOps),
    judge(name, args): Judgement {
      const [, database = '', verb] = name.split('.')
      const found = names.has(name) ? databases.get(database) : undefined
      if (found === undefined)
        throw new TollgateError('DENIED_NOT_GRANTED', `${name.slice(0, 64)} is not granted.`)
      if (verb === 'schema') return judgeSchema(name, found)
      if (verb === 'execute') return judgeExecute(name, found, args as ExecuteArguments)
      if (verb === 'commit') return judgeCommit(name, found, args as CommitArguments)
      return judgeQuery(name, found, args as QueryArguments)
    },
    actionPattern: (text) => actionPattern(text.toLowerCase(), [...names]),
    explain: () => (all.length === 0 ? ['May use no database: db is empty.'] : all.flatMap(explainDatabase)),
    worstCase: () => ({
      ...(all.length === 0 && { callsMax: 0 }),
      egressBytesMax: {},
      callMicroUsdMax: 0,
      // What deletes asks by itself; other writes do not, and their commit needs one of them before it.
      ...(!writable.some(writesUnattended) && { unattendedEffectsMax: 0 }),
    }),
    declare: () => declareDb(all),
  })
}

const writesUnattended = ({ tables }: DatabaseGrant): boolean =>
  tables.some(({ write }) => write.some((verb) => verb !== 'delete'))

const opsOf = ({ name }: DatabaseGrant, verbs: Readonly<Record<string, GrantedOp['arguments']>>) =>
  Object.entries(verbs).map(([verb, schema]): GrantedOp =>
    Object.freeze({ name: `db.${name}.${verb}`, path: Object.freeze(['db', name, verb]), arguments: schema }),
  )

/** `db.NAME`, `db.NAME.query` and `db.query` (of every database); `write` stands for `execute`. */
function actionPattern(
  text: string,
  ops: readonly string[],
): ((judgement: Judgement) => boolean) | undefined {
  const matching = ops.filter((op) => {
    const [, name = '', verb = ''] = op.toLowerCase().split('.')
    const words = verb === 'execute' ? [verb, 'write'] : [verb]
    if (verb !== 'commit' && text === `db.${name}`) return true
    return words.some((word) => text === `db.${name}.${word}` || text === `db.${word}`)
  })
  return matching.length === 0 ? undefined : ({ op }) => matching.includes(op)
}
