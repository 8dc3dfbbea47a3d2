import type { z } from 'zod'
import { isCode, type Code } from '../../runtime/abi/codes.ts'
import { nearest } from './nearest.ts'
import { notBuiltMessage } from './not-built.ts'
import { formatPath, type PolicyPath } from './path.ts'
import type { ProblemList } from './problem.ts'
import { keysAt } from './schema-keys.ts'

type Issue = z.core.$ZodIssue

/** What the problems are told against. */
type Subject = {
  readonly schema: z.ZodType
  readonly document: unknown
  readonly problems: ProblemList
  readonly notData: ReadonlySet<string>
}

/** Adds every issue that zod found to the problems, in our own words, with the nearest valid key where one was misspelt. */
export function addIssues(issues: readonly Issue[], subject: Subject, base: PolicyPath = []): void {
  for (const issue of issues) addIssue(issue, subject, [...base, ...(issue.path as PolicyPath)])
}

function addIssue(issue: Issue, subject: Subject, path: PolicyPath): void {
  // What was no plain data is told already; in the copy it is null, and of that nothing need be said.
  if (subject.notData.has(formatPath(path))) return
  const notBuilt = notBuiltMessage(issue.message)
  if (notBuilt !== undefined) return subject.problems.add(path, notBuilt, { code: 'CONFIG_NOT_BUILT' })
  const { code } = issue
  if (code === 'unrecognized_keys') return addUnknownKeys(issue.keys, subject, path)
  if (code === 'invalid_union') return addUnion(issue, subject, path)
  if (code === 'invalid_value') return addValue(issue, subject, path)
  if (code === 'invalid_element') return addIssues(issue.issues, subject, [...path, issue.key as string])
  const message =
    code === 'invalid_key'
      ? `is no valid name here: ${issue.issues[0]?.message ?? issue.message}`
      : inWords(issue, valueAt(subject.document, path))
  subject.problems.add(path, message, moreOf(issue, path))
}

/** More words than a message can show. */
const LISTED_MAX = 24

/** The values of a closed set, and the one that was most likely meant. */
function addValue(
  issue: Extract<Issue, { code: 'invalid_value' }>,
  { document, problems }: Subject,
  path: PolicyPath,
): void {
  const values = issue.values.map(String)
  const given = valueAt(document, path)
  const suggestion = typeof given === 'string' ? nearest(given, values) : undefined
  const listed =
    values.length > LISTED_MAX
      ? `one of ${values.length} words, which tollgate check --schema lists`
      : values.length > 2
        ? `one of ${values.join(', ')}`
        : values.join(' or ')
  problems.add(path, issue.message.startsWith('Invalid ') ? `must be ${listed}` : issue.message, {
    suggestion,
  })
}

function addUnknownKeys(
  keys: readonly string[],
  { schema, document, problems }: Subject,
  path: PolicyPath,
): void {
  const present = new Set(Object.keys(valueAt(document, path) ?? {}))
  const valid = [...keysAt(schema, path)].sort((a, b) => Number(present.has(a)) - Number(present.has(b)))
  for (const key of keys)
    problems.add([...path, key], 'is an unknown key', { suggestion: nearest(key, valid) })
}

/** A list or a mapping was not meant for one of a few words. */
const typeFailsAtRoot = (issues: readonly Issue[], given: unknown): boolean =>
  issues.some(
    ({ code, path }) =>
      path.length === 0 &&
      (code === 'invalid_type' || (code === 'invalid_value' && typeof given === 'object')),
  )

/** Of a choice, only the alternative that the author seems to have meant is told: one whose type fits, with the fewest issues. */
function addUnion(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  subject: Subject,
  path: PolicyPath,
): void {
  const meant = issue.errors
    .filter((issues) => !typeFailsAtRoot(issues, valueAt(subject.document, path)))
    .sort((a, b) => a.length - b.length)[0]
  const expected = issue.errors
    .flat()
    .flatMap((one) => (one.code === 'invalid_type' && one.path.length === 0 ? [typeName(one.expected)] : []))
  const words = meant === undefined ? undefined : wordsOf(meant)
  if (meant !== undefined && (words === undefined || expected.length === 0))
    return addIssues(meant, subject, path)
  const types = [...new Set([...(words ?? []), ...expected])]
  const wanted = types.length > 0 ? `must be ${types.join(' or ')}` : issue.message
  const given = valueAt(subject.document, path)
  const suggestion = typeof given === 'string' ? nearest(given, words ?? []) : undefined
  subject.problems.add(path, `${wanted}, not ${kindOf(given)}`, { suggestion })
}

/** What would have passed, where that is a few words and nothing else. */
const wordsOf = ([only, ...more]: readonly Issue[]): readonly string[] | undefined =>
  only?.code === 'invalid_value' && only.path.length === 0 && more.length === 0
    ? only.values.map(String)
    : undefined

const TYPE_NAMES: Readonly<Record<string, string>> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  tuple: 'a list',
  string: 'text',
  boolean: 'true or false',
  number: 'a number',
  int: 'a whole number',
  null: 'null',
  never: 'nothing',
}
const typeName = (expected: string): string => TYPE_NAMES[expected] ?? expected

const kindOf = (value: unknown): string => {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object'
    ? 'a mapping'
    : `${typeName(typeof value)} (${JSON.stringify(value)?.slice(0, 60)})`
}

const bound = (issue: Extract<Issue, { code: 'too_small' | 'too_big' }>, limit: number | bigint): string => {
  const strict = issue.inclusive === false
  const sign =
    issue.code === 'too_small' ? (strict ? 'more than' : 'at least') : strict ? 'less than' : 'at most'
  if (issue.origin === 'string') return `must have ${sign} ${limit} characters`
  return ['array', 'set', 'map', 'object'].includes(issue.origin)
    ? `must have ${sign} ${limit} entries`
    : `must be ${sign} ${limit}`
}

function inWords(issue: Issue, given: unknown): string {
  if (issue.code === 'too_small') return bound(issue, issue.minimum)
  if (issue.code === 'too_big') return bound(issue, issue.maximum)
  if (issue.code !== 'invalid_type') return issue.message
  const wanted = `must be ${typeName(issue.expected)}`
  return given === undefined ? `is missing; it ${wanted}` : `${wanted}, not ${kindOf(given)}`
}

/** A custom issue of a capability's schema may bring `params`: a code of its own, and the names that would have been valid. */
const moreOf = (issue: Issue, path: PolicyPath): { code?: Code; suggestion?: string | undefined } => {
  if (issue.code !== 'custom') return {}
  const code: unknown = issue.params?.['code']
  const candidates: unknown = issue.params?.['candidates']
  return {
    ...(typeof code === 'string' && isCode(code) && { code }),
    ...(Array.isArray(candidates) && { suggestion: nearest(String(path.at(-1)), candidates.map(String)) }),
  }
}

const valueAt = (document: unknown, path: PolicyPath): unknown =>
  path.reduce<unknown>(
    (value, part) =>
      typeof value === 'object' && value !== null
        ? (value as Record<string | number, unknown>)[part]
        : undefined,
    document,
  )
