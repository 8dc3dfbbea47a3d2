import { hash } from 'node:crypto'
import { deepFreeze } from '../../canonical/canonical-json.ts'
import { TollgateError } from '../../errors/tollgate-error.ts'
import type { Grant, Judgement } from '../capability.ts'
import { execAttenuation } from './attenuation.ts'
import { declareExec } from './declaration.ts'
import { EXEC_OPS, type ExecArguments, type ExecOp, type ExecRequest } from './ops.ts'
import type { ExecDocument } from './schema.ts'

/** The rule that every judgement of this capability goes back to. */
const EXEC_RULE = 'permissions.code_exec'

/** The compiled `permissions.code_exec`. */
export interface ExecGrant extends Grant {
  readonly maxChildren: number
  readonly maxDepth: number
}

/** A judgement of this capability, whose request has its real type. */
export type ExecJudgement = Judgement & { readonly request: ExecRequest }

/** Compiles a parsed entry. Pure. */
export function compileExecGrant({ max_children, max_depth, quarantine }: ExecDocument): ExecGrant {
  const names = Object.keys(EXEC_OPS).filter((name) => quarantine || name !== 'exec.quarantine') as ExecOp[]
  const says = Object.freeze([
    `May run code of its own in child isolates: at most ${max_children} in a run, ${depthOf(max_depth)}. A child holds what the tool hands it of its own, and draws on the same limits; those that go on have together as much memory as the tool.`,
    quarantine
      ? 'May run code on data in quarantine: without any capability, and only a result that fits a small schema comes back.'
      : 'Has no quarantine.',
  ])
  return deepFreeze<ExecGrant>({
    capability: 'code_exec',
    maxChildren: max_children,
    maxDepth: max_depth,
    ops: names.map((name) =>
      // The schema itself is zod's to keep.
      Object.freeze({ name, path: Object.freeze(name.split('.')), arguments: EXEC_OPS[name] }),
    ),
    judge(op, args) {
      const name = names.find((one) => one === op)
      if (name === undefined)
        throw new TollgateError('DENIED_NOT_GRANTED', `The policy does not grant ${op.slice(0, 64)}.`)
      return judgeExecCall(name, args as ExecArguments, max_children)
    },
    attenuation: execAttenuation,
    actionPattern: compilePattern,
    explain: () => says,
    declare: (asks) => declareExec(says, names, (op) => asks(judgeExecCall(op, { code: '' }, max_children))),
    // A child's calls are the run's calls; here counts only what starting one does.
    worstCase: () => ({
      egressBytesMax: {},
      callMicroUsdMax: 0,
      unattendedEffectsMax: 0,
    }),
  })
}

const depthOf = (maxDepth: number): string =>
  maxDepth === 1 ? 'none of which may start others' : `nested ${maxDepth} deep`

// code_exec, exec, exec.*, exec.read
const PATTERN = /^(?:code_exec|exec)(?:\.(?:\*|read))?$/iu

/** An entry of human_in_loop that names the capability means each start of a child; `exec.run` is found by its name. */
const compilePattern = (text: string): ((judgement: Judgement) => boolean) | undefined =>
  PATTERN.test(text.trim()) ? ({ op }) => Object.hasOwn(EXEC_OPS, op) : undefined

function judgeExecCall(op: ExecOp, args: ExecArguments, maxChildren: number): ExecJudgement {
  const { code, input, data, grants = [], limits = {}, output } = args
  const handed = op === 'exec.run' ? input : data
  const request: ExecRequest = {
    op,
    code,
    input: handed ?? null,
    grants: [...new Set(grants)].sort(),
    limits,
    ...(output !== undefined && { output }),
  }
  return deepFreeze<ExecJudgement>({
    op,
    rule: EXEC_RULE,
    // What its code does are calls of their own, each judged by the grant that it is made under.
    effect: 'read',
    categories: [],
    subject: subjectOf(request),
    request,
    costMicroUsd: 0,
    quotas: [
      {
        meter: 'code_exec.children',
        amount: 1,
        max: maxChildren,
        scope: 'run',
        code: 'LIMIT_CHILDREN',
        rule: `${EXEC_RULE}.max_children`,
      },
    ],
    idempotency: 'at_most_once',
  })
}

/** Code is named by its digest; names of grants have no character that cannot be shown. */
function subjectOf({ op, code, grants }: ExecRequest): string {
  const held = grants.length === 0 ? 'nothing' : grants.join(', ')
  return `${op} sha256 ${hash('sha256', code)} holding ${held}`
}
