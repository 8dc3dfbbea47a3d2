import { deepFreeze } from '../../canonical/canonical-json.ts'
import { TollgateError } from '../../errors/tollgate-error.ts'
import type { Judgement } from '../capability.ts'
import type { DatabaseGrant } from './database-grant.ts'
import type { CommitArguments, DbRequest, ExecuteArguments } from './ops.ts'
import { checkText, subjectOf } from './statement.ts'
import { writeKindOf, type WriteKind, type WriteVerb } from './write-kind.ts'

/** Judges a statement that writes, by its text; the engine judges it again. Throws DENIED_STATEMENT and GUEST_SQL. */
export function judgeExecute(op: string, database: DatabaseGrant, args: ExecuteArguments): Judgement {
  const { name, rule, tables, transaction } = database
  checkText(args.sql)
  const kind = writeKindOf(args.sql)
  if (kind === undefined)
    throw new TollgateError('DENIED_STATEMENT', 'The statement is not one that may write.', {
      rule,
      hint: 'Use one INSERT, UPDATE, DELETE or REPLACE, without OR ROLLBACK; what reads goes through query.',
    })
  const isGranted = tables.some(({ write }) => verbsOf(kind).every((verb) => write.includes(verb)))
  if (!isGranted)
    throw new TollgateError('DENIED_STATEMENT', `No table of ${name} may be written so.`, {
      rule: `${rule}.write`,
      hint: `Needed: ${verbsOf(kind).join(' and ')}.`,
      change: `grant the verb to a table under ${rule}.write`,
    })
  const request: DbRequest = { kind: 'execute', database: name, ...kind, ...args }
  return writing(op, database, request, {
    subject: `db.${name}: ${subjectOf(args.sql)}`,
    categories: kind.mayDelete ? ['delete'] : [],
    ...(transaction === 'run' && { isStaged: true }),
  })
}

/** Judges the commit of what a run wrote; each statement of it was judged, and asked for where the policy says so. */
export function judgeCommit(op: string, database: DatabaseGrant, args: CommitArguments): Judgement {
  const { database: name, statements, digest } = args
  return writing(
    op,
    database,
    { kind: 'commit', ...args },
    { subject: `db.${name}: commit ${statements} statements, ${digest}`, isCommitOfAsked: true },
  )
}

/** REPLACE takes the place of rows, so it inserts and deletes. */
const verbsOf = ({ verb, mayDelete }: WriteKind): readonly WriteVerb[] =>
  mayDelete && verb !== 'delete' ? [verb, 'delete'] : [verb]

const writing = (
  op: string,
  { rule }: DatabaseGrant,
  request: DbRequest,
  more: Pick<Judgement, 'subject'> & Partial<Judgement>,
): Judgement =>
  deepFreeze<Judgement>({
    op,
    rule: `${rule}.write`,
    effect: 'write',
    categories: [],
    request,
    costMicroUsd: 0,
    quotas: [],
    idempotency: 'at_most_once',
    ...more,
  })
