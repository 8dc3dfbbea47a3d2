/** What the host makes of the header of a frame that an attacker wrote. */
import fc from 'fast-check'
import { FAULTS, LOG_LEVELS } from '../../runtime/abi/frames.ts'
import { checkCageFrame } from '../../src/cage/check.ts'
import { campaign, type Effort, type Report } from './campaign.ts'
import { mustBeUntouched } from './host-realm.ts'
import { anyText, goodHeader, oddValue, segmentsOf } from './wire.ts'

/** The part under test; a weaker one is passed in for negative controls. */
export type Check = (header: unknown, segments: readonly string[]) => unknown

type Offered = { readonly text: string; readonly segments: readonly string[]; readonly isGood: boolean }
type Header = Readonly<Record<string, unknown>>

const keyName = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    's',
    't',
    'slot',
    'costUsd',
    'atMs',
    'key',
  ),
  anyText(10),
)

/** Written by hand, for a `__proto__` in it is to be a key, and keys may come twice. */
const jsonText = (entries: readonly (readonly [string, unknown])[]): string =>
  `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`

const changed = (header: Header, at: number, value: unknown, name: string, kind: string): string => {
  const entries = Object.entries(header)
  const place = at % entries.length
  const [, standing] = entries[place] ?? ['', undefined]
  if (kind === 'value') return jsonText(entries.with(place, [entries[place]?.[0] ?? '', value]))
  if (kind === 'name') return jsonText(entries.with(place, [name, standing]))
  if (kind === 'less') return jsonText(entries.toSpliced(place, 1))
  return jsonText([...entries, [name, value]])
}

const few = fc.array(anyText(20), { maxLength: 5 })
const long = fc
  .constantFrom(8_191, 8_192, 8_199, 8_200, 74_000, 2 ** 22, 2 ** 22 + 1)
  .map((size) => ['x'.repeat(size)])

const offered: fc.Arbitrary<Offered> = fc.oneof(
  {
    weight: 2,
    arbitrary: goodHeader.chain((header) =>
      fc
        .array(anyText(20), { minLength: segmentsOf(header), maxLength: segmentsOf(header) })
        .map((segments) => ({ text: JSON.stringify({ ...header, s: [] }), segments, isGood: true })),
    ),
  },
  {
    weight: 5,
    arbitrary: fc
      .tuple(goodHeader, fc.nat(), oddValue, keyName, fc.constantFrom('value', 'name', 'less', 'more'), few)
      .map(([header, at, value, name, kind, segments]) => ({
        text: changed({ ...header, s: [] }, at, value, name, kind),
        segments: kind === 'less' ? segments : segments.slice(0, segmentsOf(header)),
        isGood: false,
      })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(goodHeader, long).map(([header, segments]) => ({
      text: JSON.stringify({ ...header, s: [] }),
      segments,
      isGood: false,
    })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.json({ maxDepth: 3 }), few)
      .map(([text, segments]) => ({ text, segments, isGood: false })),
  },
)

const isWhole = (value: unknown, min: number, max: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
const isOneOf = (list: readonly string[], value: unknown): boolean =>
  typeof value === 'string' && list.includes(value)

const SLOT = 2 ** 32 - 1
const SEQ = 2 ** 31 - 1

/** What each kind may hold, said a second time and without a look at the check. */
const RULES: Readonly<Record<string, Readonly<Record<string, (value: unknown) => boolean>>>> = {
  ready: { v: (value) => isWhole(value, 1, 65_535) },
  turn: {},
  call: {
    slot: (value) => isWhole(value, 0, SLOT),
    seq: (value) => isWhole(value, 1, SEQ),
    handle: (value) => isWhole(value, 0, SEQ),
    op: (value) => typeof value === 'string' && /^[A-Za-z][\w.-]{0,127}$/.test(value),
    key: (value) => value === undefined || (typeof value === 'string' && /^[ -~]{1,200}$/.test(value)),
  },
  log: { slot: (value) => isWhole(value, 0, SLOT), level: (value) => isOneOf(LOG_LEVELS, value) },
  done: {
    slot: (value) => isWhole(value, 0, SLOT),
    ok: (value) => typeof value === 'boolean',
    fault: (value) => value === undefined || isOneOf(FAULTS, value),
    refused: (value) => value === undefined || isWhole(value, 1, SEQ),
  },
}

/** What is wrong with a frame that was let through, or undefined. */
const wrongWith = (frame: object, header: unknown): string | undefined => {
  if (Object.getPrototypeOf(frame) !== Object.prototype) return 'it has a prototype of its own'
  const { t, ...fields } = frame as Header
  const rules = typeof t === 'string' && Object.hasOwn(RULES, t) ? RULES[t] : undefined
  if (rules === undefined) return `an unknown kind was let through`
  const stranger = Reflect.ownKeys(fields).find(
    (name) => typeof name !== 'string' || !Object.hasOwn(rules, name),
  )
  if (stranger !== undefined) return `an unknown field was let through: ${String(stranger)}`
  const bad = Object.entries(rules).find(([name, fits]) => !fits(fields[name]))
  if (bad !== undefined) return `a field of another kind was let through: ${bad[0]}`
  const given = header as Header
  const altered = Object.entries(fields).find(
    ([name, value]) => !Object.hasOwn(given, name) || given[name] !== value,
  )
  return altered === undefined ? undefined : `a field is not what was sent: ${altered[0]}`
}

const holds =
  (check: Check) =>
  ({ text, segments, isGood }: Offered): void => {
    const header: unknown = JSON.parse(text)
    let verdict: unknown
    try {
      verdict = check(header, segments)
    } catch (error) {
      throw new Error(`it threw: ${String(error)}`, { cause: error })
    }
    mustBeUntouched()
    if (typeof verdict === 'string') {
      if (isGood) throw new Error(`a good frame is refused: ${verdict}`)
      if (!/^[a-z]+: [a-z ]+$/.test(verdict)) throw new Error('the reason repeats what the attacker wrote')
      return
    }
    if (typeof verdict !== 'object' || verdict === null) throw new Error('it is neither a frame nor a reason')
    const wrong = wrongWith(verdict, header)
    if (wrong !== undefined) throw new Error(wrong)
  }

/** Headers of every kind, changed in every way, and JSON of no kind at all. */
export const fuzzCheck = (effort: Effort, check: Check = checkCageFrame): Promise<Report> =>
  campaign('check', offered, holds(check), effort, 1_000)
