import type { Code } from '../../runtime/abi/codes.ts'
import { isTollgateError, TollgateError } from '../errors/tollgate-error.ts'
import { formatPath, type PolicyPath } from './path.ts'

/** Line and column, both from 1, in the text that a policy came from. */
export type Position = { readonly line: number; readonly column: number }

/** Finds where a path stands in the source text; for what is absent, where its nearest present ancestor stands. */
export type PositionFinder = (path: PolicyPath) => Position | undefined

/** One thing that is wrong with a policy document. */
export type PolicyProblem = {
  readonly code: Code
  /** `permissions.http.allowed_domains[2].methods`; empty for the document itself. */
  readonly path: string
  readonly message: string
  readonly line?: number
  readonly column?: number
  /** The valid key or value that was most likely meant. */
  readonly suggestion?: string
}

/** More problems than this are counted, not listed. */
const PROBLEMS_LISTED_MAX = 50

// Keys of a hostile document appear in messages: what a terminal would obey is shown as an escape.
const OBEYED = /[\p{Cc}\p{Cf}\u2028\u2029]/gu
const printable = (text: string): string =>
  text.replaceAll(OBEYED, (found) => `\\u{${(found.codePointAt(0) ?? 0).toString(16)}}`).slice(0, 400)

const byPosition = (a: PolicyProblem, b: PolicyProblem): number =>
  (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)

/** Collects the problems of one document, so that all of them are told at once. */
export class ProblemList {
  readonly #problems: PolicyProblem[] = []
  readonly #find: PositionFinder | undefined

  constructor(find?: PositionFinder) {
    this.#find = find
  }

  get size(): number {
    return this.#problems.length
  }

  /** The places of the problems so far. */
  paths(): ReadonlySet<string> {
    return new Set(this.#problems.map(({ path }) => path))
  }

  add(path: PolicyPath, message: string, more: { code?: Code; suggestion?: string | undefined } = {}): void {
    const { code = 'CONFIG_POLICY_INVALID', suggestion } = more
    this.#problems.push(
      Object.freeze({
        code,
        path: printable(formatPath(path)),
        message: printable(message),
        ...this.#find?.(path),
        ...(suggestion !== undefined && { suggestion }),
      }),
    )
  }

  /** Throws one TollgateError that lists every problem; does nothing when there is none. */
  throwIfAny(): void {
    if (this.#problems.length > 0) throw policyError(this.#problems.toSorted(byPosition))
  }
}

type Told = Omit<PolicyProblem, 'code'>

const place = ({ line, column }: Told): string => (line === undefined ? '' : `${line}:${column} `)

/** One problem, or one warning, on one line: place, path, what is wrong, and the nearest valid word. */
export const formatProblem = (problem: Told): string => {
  const { path, message, suggestion } = problem
  const where = path === '' ? 'the document' : path
  return `${place(problem)}${where}: ${message}${suggestion === undefined ? '' : `; did you mean ${suggestion}?`}`
}

// What cannot be read outranks what is wrong, which outranks what is merely not built or not there.
const RANK: readonly Code[] = ['CONFIG_POLICY_SYNTAX', 'CONFIG_POLICY_INVALID', 'CONFIG_NOT_BUILT']

/** One error for all problems; its code is that of the gravest. The problems stay readable through {@link policyProblems}. */
export const policyError = (problems: readonly PolicyProblem[]): TollgateError => {
  const code = RANK.find((one) => problems.some((problem) => problem.code === one)) ?? problems[0]?.code
  const listed = problems.slice(0, PROBLEMS_LISTED_MAX).map((problem) => `  ${formatProblem(problem)}`)
  const rest = problems.length - listed.length
  if (rest > 0) listed.push(`  and ${rest} more`)
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`
  return new TollgateError(
    code ?? 'CONFIG_POLICY_INVALID',
    `The policy has ${count}:\n${listed.join('\n')}`,
    {
      gate: 'policy',
      cause: new PolicyProblems(problems),
    },
  )
}

/** What the error of a bad policy carries as its cause. */
class PolicyProblems {
  readonly list: readonly PolicyProblem[]

  constructor(list: readonly PolicyProblem[]) {
    this.list = Object.freeze([...list])
  }
}

/** The problems that an error of compilePolicy, definePolicy or loadPolicyFile carries; empty for any other value. */
export const policyProblems = (error: unknown): readonly PolicyProblem[] =>
  isTollgateError(error) && error.facts.cause instanceof PolicyProblems ? error.facts.cause.list : []
