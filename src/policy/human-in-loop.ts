import { EFFECTS, type Effect } from '../../runtime/abi/ops.ts'
import { CATEGORIES, type Grant, type Judgement } from '../capabilities/capability.ts'
import { isTollgateError } from '../errors/tollgate-error.ts'
import type { ApprovalReason, PolicyWarning } from './compiled.ts'
import { nearest } from './nearest.ts'
import type { ProblemList } from './problem.ts'

type Matcher = (judgement: Judgement) => boolean
type Warn = (path: PolicyWarning['path'], message: string) => void

/** What the entries are read against. */
export type KnownActions = {
  readonly grants: ReadonlyMap<string, Grant>
  readonly problems: ProblemList
  readonly warn: Warn
}

/** Whether an effect falls under a word: an irreversible effect is a write as well. */
const effectFallsUnder = (effect: Effect, word: string): boolean =>
  word === effect || (word === 'write' && effect === 'irreversible')

const CLASS = /^(effect|category)\s*:\s*(.*)$/
const CAPABILITY = /^\w+(?=\.)/
const GROUP = /^([a-z_][a-z0-9_]*)\.(read|write|irreversible|\*)$/

/** Compiles `human_in_loop` into one matcher for each entry. What names nothing known still matches its literal name, and warns. */
export const compileHumanInLoop = (entries: readonly string[], known: KnownActions): readonly Matcher[] =>
  entries.map((entry, index) => compileEntry(entry.trim(), index, known))

function compileEntry(entry: string, index: number, known: KnownActions): Matcher {
  if (entry === '*') return () => true
  // Case is not a way around an approval.
  const action = entry.toLowerCase()
  const [, kind, word = ''] = CLASS.exec(action) ?? []
  if (kind !== undefined) return compileClass(kind, word, index, known.problems)
  const names = [action, `tools.${action}`]
  const matchers: Matcher[] = [(judgement) => names.includes(judgement.op.toLowerCase())]
  let found = [...known.grants.values()].some(({ ops }) =>
    ops.some(({ name }) => names.includes(name.toLowerCase())),
  )

  const [, capability, group] = GROUP.exec(action) ?? []
  if (capability !== undefined && group !== undefined) {
    matchers.push(
      ({ op, effect, isCommitOfAsked }) =>
        op.startsWith(`${capability}.`) &&
        (group === '*' || (effectFallsUnder(effect, group) && isCommitOfAsked !== true)),
    )
    found ||= known.grants.has(capability)
  }
  const text = entry.replace(CAPABILITY, (name) => name.toLowerCase())
  for (const pattern of grantPatterns([text, `tools.${text}`], index, known)) {
    matchers.push(pattern)
    found = true
  }
  if (!found) warnUnknown(entry, index, known)
  return (judgement) => matchers.some((matches) => matches(judgement))
}

// Effects and categories are closed sets: a word outside them can only be a slip, and it would ask for nothing.
function compileClass(kind: string, word: string, index: number, problems: ProblemList): Matcher {
  const words: readonly string[] = kind === 'effect' ? EFFECTS : CATEGORIES
  if (!words.includes(word)) {
    const meant = nearest(word, words)
    problems.add(
      ['human_in_loop', index],
      `names the ${kind} ${JSON.stringify(word)}, and there are only ${words.join(', ')}`,
      {
        suggestion: meant && `${kind}:${meant}`,
      },
    )
  }
  if (kind === 'effect') return ({ effect }) => effectFallsUnder(effect, word)
  return ({ categories }) => (categories as readonly string[]).includes(word)
}

function grantPatterns(
  texts: readonly string[],
  index: number,
  { grants, problems }: KnownActions,
): readonly Matcher[] {
  return [...grants.values()].flatMap((grant) =>
    texts.flatMap((text) => {
      try {
        return grant.actionPattern(text) ?? []
      } catch (error) {
        if (!isTollgateError(error)) throw error
        problems.add(['human_in_loop', index], error.message, { code: error.code })
        return []
      }
    }),
  )
}

function warnUnknown(entry: string, index: number, { grants, warn }: KnownActions): void {
  const ops = [...grants.values()].flatMap((grant) => grant.ops.map(({ name }) => name))
  const tools = ops.filter((name) => name.startsWith('tools.')).map((name) => name.slice('tools.'.length))
  const meant = nearest(entry, [...tools, ...ops])
  const question = meant === undefined ? '' : `; did you mean ${meant}?`
  warn(
    `human_in_loop[${index}]`,
    `${JSON.stringify(entry)} names nothing that this policy grants, so nothing asks because of it${question}`,
  )
}

/**
 * Why a call needs a human: an entry of human_in_loop (which nothing cancels), what its grant says about asking, or, when the
 * grant says nothing, the default for irreversible effects and dangerous categories.
 */
export function approvalRule(
  entries: readonly string[],
  matchers: readonly Matcher[],
): (judgement: Judgement) => ApprovalReason | undefined {
  const reasons = entries.map((_, index) =>
    Object.freeze({ rule: `human_in_loop[${index}]`, oncePerRun: false }),
  )
  return (judgement) => {
    const named = matchers.findIndex((matches) => matches(judgement))
    return named === -1 ? grantReason(judgement) : reasons[named]
  }
}

function grantReason({ ask, rule, effect, categories }: Judgement): ApprovalReason | undefined {
  if (ask === 'never') return undefined
  if (ask !== undefined) return { rule: `${rule}.ask`, oncePerRun: ask === 'once_per_run' }
  if (effect === 'irreversible') return { rule: 'default: irreversible effects ask', oncePerRun: false }
  const [category] = categories
  return category === undefined
    ? undefined
    : { rule: `default: the category ${category} asks`, oncePerRun: false }
}
