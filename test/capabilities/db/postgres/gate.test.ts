import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { checkTree, loadGate, type Named } from '../../../../src/capabilities/db/postgres/gate/gate.ts'
import { numberParameters } from '../../../../src/capabilities/db/postgres/gate/parameters.ts'
import { Refused } from '../../../../src/capabilities/db/postgres/refused.ts'

beforeAll(loadGate)

const named: Named = {
  tables: new Set(['orders']),
  functions: new Set(['lower']),
  columns: new Set(['id']),
  writable: new Map(),
  rowFunctions: new Set(['pg_typeof']),
  valueFunctions: new Set(['pg_typeof', 'pg_sleep']),
}
const verdictOf = (sql: string): string => {
  try {
    checkTree(numberParameters(sql, []).text, named)
    return 'passes'
  } catch (error) {
    return error instanceof Refused ? error.refusal : String(error)
  }
}
const deep = (before: string, inner: string, after: string, size = 10_000): string => {
  const times = Math.floor(size / (before.length + after.length))
  return before.repeat(times) + inner + after.repeat(times)
}

describe('a statement that is made to cost much is refused or read, and the next one is read as before:', () => {
  it.each([
    ['brackets', `select ${deep('(', '1', ')')}`],
    ['sums', `select 1${'+1'.repeat(4990)}`],
    ['minus signs', `select ${'- '.repeat(4990)}1`],
    ['negations', `select ${'not '.repeat(2490)}true`],
    ['selects', `select ${deep('(select ', '1', ')')}`],
    ['tables', `select * from ${deep('(select * from ', 'orders', ') a')}`],
    ['casts', `select 1${'::int'.repeat(1990)}`],
    ['indices', `select id${'[1]'.repeat(3300)} from orders`],
    ['calls', `select ${deep('lower(', '1', ')')}`],
    ['unions', `select 1${' union select 1'.repeat(660)}`],
    ['names', `${deep('with a as (', 'select 1', ') select 1')}`],
    ['comments', `select ${deep('/*', '', '*/')} 1`],
    ['operators', `select 1 ${'+'.repeat(9900)} 1`],
    ['signs of no operator', `select 1 ${'@-'.repeat(4900)} 1`],
    ['open quotes', `select ${"'".repeat(9901)}`],
    ['dollars', `select ${'$a$ $b$ '.repeat(1200)}`],
    ['escapes', `select e'${String.raw`\'`.repeat(4900)}'`],
    ['statements', 'select 1;'.repeat(1100)],
    ['numbers', `select ${'9'.repeat(9900)}`],
    ['parameters', `select ${'$99999999,'.repeat(900)}1`],
  ])('%s', (_, sql) => {
    expect(['passes', 'sql', 'params', 'tail', 'name']).toContain(verdictOf(sql))
    expect(verdictOf('select id from orders where id = ?')).toBe('passes')
    expect(verdictOf('select id from secrets')).toBe('name')
  })
})

it('whatever is written, nothing is thrown but a refusal', () => {
  const word = fc.constantFrom(
    ..."select from where ( ) ' \" $a$ /* */ -- ; , :: :a ? $1 e' u& orders id secrets with as union \\ \n * + 1 delete".split(
      ' ',
    ),
  )
  fc.assert(
    fc.property(fc.array(word, { maxLength: 40 }), (words) => {
      expect(['passes', 'sql', 'params', 'tail', 'name', 'statement']).toContain(verdictOf(words.join(' ')))
    }),
    { numRuns: 300 },
  )
})

it('numbers parameters where they are none of a quote, a comment or a cast', () => {
  const text = `select ?, '?', "?", e'\\'?', $a$?$a$ /* ? */, 1::text -- ?\n, ?`
  expect(numberParameters(text, [1, 2])).toEqual({
    text: `select  $1 , '?', "?", e'\\'?', $a$?$a$ /* ? */, 1::text -- ?\n,  $2 `,
    values: [1, 2],
  })
  expect(numberParameters('select :a, :b, :a, id::text', { a: 1 })).toEqual({
    text: 'select  $1 ,  $2 ,  $1 , id::text',
    values: [1, undefined],
  })
})
