/** The way in: whatever JSON the host delivers or hands over as input is what guest code gets, and nothing more. */
import fc from 'fast-check'
import { JSON_DEPTH_MAX } from '../../runtime/abi/crossing.ts'
import { CageDriver, type Outcome, type Reply } from '../cage/cage-driver.ts'
import { campaign, type Effort, type Report } from './campaign.ts'
import { mustBeUntouched } from './host-realm.ts'
import { anyText, oddValue } from './wire.ts'

const space = fc.constantFrom('', '', ' ', '\n\t')
const numberText = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.constantFrom('-0', '0.0', '1E+2', '1e999', '-1e999', '12345678901234567890', '0.1e-400'),
)
const stringText = fc.oneof(
  anyText().map((text) => JSON.stringify(text)),
  fc.constantFrom(
    '"\\u0000"',
    '"\\ud800"',
    '"\\/"',
    '"\u2028"',
    '"__proto__"',
    '"\\u005f\\u005fproto\\u005f\\u005f"',
  ),
)
const nested = fc
  .tuple(fc.integer({ min: 1, max: 200 }), fc.boolean())
  .map(([depth, isArray]) =>
    isArray ? `${'['.repeat(depth)}${']'.repeat(depth)}` : `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`,
  )
const keyText = fc.oneof(
  fc.constantFrom(
    '"__proto__"',
    '"constructor"',
    '"then"',
    '"toJSON"',
    '"0"',
    '"a"',
    '"a"',
    '"code"',
    '"message"',
  ),
  stringText,
)

/** JSON as text, with what a serializer never writes but a parser takes: keys twice, odd numbers, spaces. */
const jsonText: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    { weight: 1, arbitrary: fc.constantFrom('null', 'true', 'false') },
    { weight: 2, arbitrary: numberText },
    { weight: 3, arbitrary: stringText },
    { weight: 1, arbitrary: nested },
    {
      weight: 3,
      arbitrary: fc
        .tuple(space, fc.array(tie('value'), { maxLength: 4 }))
        .map(([gap, members]) => `[${gap}${members.join(`${gap},`)}${gap}]`),
    },
    {
      weight: 4,
      arbitrary: fc
        .tuple(space, fc.array(fc.tuple(keyText, tie('value')), { maxLength: 4 }))
        .map(
          ([gap, members]) =>
            `{${gap}${members.map(([name, value]) => `${name}${gap}:${value}`).join(`,${gap}`)}}`,
        ),
    },
  ),
})).value

type Scene =
  | { readonly kind: 'result' | 'input'; readonly text: string }
  | { readonly kind: 'error'; readonly facts: unknown }

const facts: fc.Arbitrary<unknown> = fc.oneof(
  fc.record(
    {
      code: oddValue,
      message: oddValue,
      gate: oddValue,
      hint: oddValue,
      retryable: oddValue,
      stack: oddValue,
      seq: oddValue,
    },
    { requiredKeys: [] },
  ),
  jsonText.map((text) => JSON.parse(text) as unknown),
)
const scene: fc.Arbitrary<Scene> = fc.oneof(
  { weight: 4, arbitrary: jsonText.map((text): Scene => ({ kind: 'result', text })) },
  { weight: 2, arbitrary: jsonText.map((text): Scene => ({ kind: 'input', text })) },
  { weight: 2, arbitrary: facts.map((one): Scene => ({ kind: 'error', facts: one })) },
)

/** The same `then` of ours is asked of every promise, so a delivered `then` must be data. */
const TAKES = `export default async (input, { tools }) => ({ v: await tools.take({}) })`
const RETURNS = `export default (input) => ({ v: input })`
const CATCHES = `export default async (input, { tools }) => {
  try { await tools.take({}) } catch (error) {
    const { name, code, message, gate = null, hint = null, retryable } = error
    return { v: [name, code, message, gate, hint, retryable, error instanceof Error, Object.keys(error).sort()] }
  }
}`

const depthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0
const isFinite = (value: unknown): boolean =>
  typeof value === 'object' && value !== null
    ? Object.values(value).every(isFinite)
    : typeof value !== 'number' || Number.isFinite(value)

const told = (found: unknown, name: string): unknown =>
  typeof found === 'object' && found !== null && Object.hasOwn(found, name)
    ? (found as Readonly<Record<string, unknown>>)[name]
    : undefined
const orElse = (value: unknown, fallback: string | null): unknown =>
  typeof value === 'string' ? value : fallback

const errorOf = (found: unknown): unknown => {
  const gate = orElse(told(found, 'gate'), null)
  const hint = orElse(told(found, 'hint'), null)
  const keys = ['code', ...(gate === null ? [] : ['gate']), ...(hint === null ? [] : ['hint']), 'retryable']
  const code = orElse(told(found, 'code'), 'INTERNAL_ERROR')
  const message = orElse(told(found, 'message'), 'The call failed.')
  return ['CallError', code, message, gate, hint, told(found, 'retryable') === true, true, keys]
}

const mustReturn = ({ ok, text, fault, error, exit }: Outcome, value: unknown): void => {
  const isPassable = isFinite(value) && depthOf(value) < JSON_DEPTH_MAX
  if (!isPassable) {
    if (fault !== 'unpassable') throw new Error(`${fault ?? 'a value'} came back instead of a refusal`)
    return
  }
  if (!ok) throw new Error(`nothing came back: ${fault}, ${error?.message ?? JSON.stringify(exit)}`)
  const expected = JSON.stringify({ v: value })
  if (text !== expected)
    throw new Error(`${text?.slice(0, 500)} came back instead of ${expected.slice(0, 500)}`)
}

const hands = async (driver: CageDriver, one: Scene): Promise<void> => {
  const ops = ['tools.take']
  if (one.kind === 'error') {
    const answer = (): Reply => ({ error: one.facts as Readonly<Record<string, unknown>> })
    mustReturn(
      await driver.run({ code: CATCHES, ops, answer }),
      errorOf(JSON.parse(JSON.stringify(one.facts))),
    )
  } else {
    const value: unknown = JSON.parse(one.text)
    if (one.kind === 'result')
      mustReturn(await driver.run({ code: TAKES, ops, answer: () => ({ json: one.text }) }), value)
    else mustReturn(await driver.run({ code: RETURNS, input: value }), JSON.parse(JSON.stringify(value)))
  }
  mustBeUntouched()
}

/** Results, errors and inputs of any JSON. `entry`: a cage with a weaker kernel, for negative controls. */
export const fuzzDeliver = async (effort: Effort, entry?: string): Promise<Report> => {
  const driver = new CageDriver(entry)
  try {
    return await campaign('deliver', scene, (one) => hands(driver, one), effort)
  } finally {
    driver.close()
  }
}
