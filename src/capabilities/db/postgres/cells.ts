import type { Cell, Parameter } from '../ops.ts'
import { Refused } from './refused.ts'

const BOOL = 16
const BYTEA = 17
const INT8 = 20
const NUMERIC = 1700
/** int2, int4, oid. */
const INTEGERS: ReadonlySet<number> = new Set([21, 23, 26])
/** float4, float8. */
const FLOATS: ReadonlySet<number> = new Set([700, 701])
/** A decimal of so few digits is the same after it was a number of JavaScript. */
const DIGITS_MAX = 15

const readInteger = (text: string): Cell => {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : { integer: text }
}

const readFloat = (text: string): Cell => {
  const number = Number(text)
  if (Number.isFinite(number)) return number
  return { real: text }
}

/** Decimals that a number holds exactly; others stay the text that they are. */
const readNumeric = (text: string): Cell =>
  text.replaceAll(/\D/gu, '').length <= DIGITS_MAX && /\d$/u.test(text) ? Number(text) : text

const readBytes = (text: string): Cell => ({ base64: Buffer.from(text.slice(2), 'hex').toString('base64') })

/** How a column of a type is read from the text that the server sends. */
export function cellReader(type: number): (text: string) => Cell {
  if (type === BOOL) return (text) => text === 't'
  if (type === INT8) return readInteger
  if (type === NUMERIC) return readNumeric
  if (type === BYTEA) return readBytes
  if (INTEGERS.has(type)) return Number
  return FLOATS.has(type) ? readFloat : (text) => text
}

/** A cell of the driver's own questions, as text. */
export const textOf = (cell: Cell | undefined): string =>
  typeof cell === 'string' ? cell : JSON.stringify(cell ?? null)

/** A parameter as it is bound: its text, of which the server makes what the statement needs, or bytes. One that is not given is NULL. Throws Refused `params`. */
export function bound(given: Parameter | undefined): string | Buffer | null {
  if (given === undefined || given === null) return null
  if (typeof given === 'object') return Buffer.from(given.base64, 'base64')
  const text = String(given)
  if (text.includes('\0')) throw new Refused('params', 'a text of PostgreSQL has no NUL')
  return text
}
