import * as z from 'zod'
import { deepFreeze } from '../../canonical/canonical-json.ts'
import { TollgateError } from '../../errors/tollgate-error.ts'
import type { GrantAttenuation, Judgement, Narrowing } from '../capability.ts'
import { oneOrMore } from '../caveats.ts'
import type { DatabaseGrant } from './database-grant.ts'
import type { DbCaveats, DbRequest } from './ops.ts'
import type { StatementBounds } from './wire.ts'

const caveats = Object.freeze({
  tables: oneOrMore(z.string().max(128)).optional(),
  rows: z.int().min(0).max(1_000_000).optional(),
})

/** Only the tables that are named, and fewer rows. The request says so, and the driver bounds the statement by it. */
export const dbAttenuation = (databases: ReadonlyMap<string, DatabaseGrant>): GrantAttenuation =>
  Object.freeze<GrantAttenuation>({
    caveats,
    attenuate(at, given): Narrowing {
      const { tables, rows } = given as DbCaveats
      const database = databases.get(at.slice('db.'.length))
      const own: DbCaveats = {
        ...(tables !== undefined && { tables: tables.map((name) => findTable(name, database)) }),
        ...(rows !== undefined && { rows }),
      }
      if (Object.keys(own).length === 0) return (judgement) => judgement
      return (judgement) => {
        // The broker hands on what the grant judged.
        const request = judgement.request as DbRequest
        return narrowed(judgement, request, own, lesser(request.only ?? {}, own))
      }
    },
  })

function findTable(name: string, database: DatabaseGrant | undefined): string {
  const granted = database?.tables.map((table) => table.name) ?? []
  const found = granted.find((one) => one.toLowerCase() === name.toLowerCase())
  if (found !== undefined) return found
  throw new TollgateError('GUEST_ARGUMENTS', `${JSON.stringify(name)} is no table that is granted.`, {
    hint: `Granted are: ${granted.join(', ') || 'none'}.`,
  })
}

/** What two sets of caveats leave together. */
function lesser(before: DbCaveats, own: DbCaveats): DbCaveats {
  const { tables = own.tables } = before
  const rows = Math.min(before.rows ?? Infinity, own.rows ?? Infinity)
  return {
    ...(tables !== undefined && { tables: tables.filter((name) => own.tables?.includes(name) ?? true) }),
    ...(rows !== Infinity && { rows }),
  }
}

/** Who approves the statement sees what it cannot reach, before anything that the guest wrote. */
function narrowed(
  judgement: Judgement,
  request: DbRequest,
  { tables, rows }: DbCaveats,
  only: DbCaveats,
): Judgement {
  const place = `db.${request.database}`
  const words = [
    ...(tables === undefined ? [] : [`tables ${tables.join(', ') || 'none'}`]),
    ...(rows === undefined ? [] : [`${rows} rows`]),
  ]
  const subject = `${place} (only ${words.join('; ')})${judgement.subject.slice(place.length)}`
  return deepFreeze<Judgement>({ ...judgement, subject, request: { ...request, only } })
}

/** What such bounds leave of a database: what a refusal may name. */
export const leftOf = (database: DatabaseGrant, { hidden, rowsMax }: StatementBounds): DatabaseGrant => ({
  ...database,
  rowsMax,
  tables: database.tables.filter(({ name }) => !hidden.includes(name.toLowerCase())),
})

/** What the driver holds a statement to. */
export function boundsOf({ tables, rowsMax }: DatabaseGrant, { only = {} }: DbRequest): StatementBounds {
  const { tables: left, rows = rowsMax } = only
  const hidden =
    left === undefined ? [] : tables.map(({ name }) => name).filter((name) => !left.includes(name))
  return { hidden: hidden.map((name) => name.toLowerCase()), rowsMax: Math.min(rows, rowsMax) }
}
