import type { Ask, Declaration, DeclaredMember } from '../capability.ts'
import type { ExecOp } from './ops.ts'

const LIMITS = `/** Parts of what is left; what is not named is half of it. */
export interface ExecLimits {
  max_tool_calls?: number
  max_cost_usd?: number
  max_duration_seconds?: number
  max_cpu_seconds?: number
  max_memory_mb?: number
}`

const OUTPUT = `/** A schema in which every size is bounded; a value may tell 2 KB at most. All properties must be there. */
export type ExecOutput =
  | { type: 'boolean' }
  | { type: 'string'; maxLength: number }
  | { type: 'integer' | 'number'; minimum: number; maximum: number }
  | { type?: 'string'; enum: readonly (string | number | boolean | null)[] }
  | { type: 'array'; items: ExecOutput; maxItems: number }
  | { type: 'object'; properties: { readonly [name: string]: ExecOutput } }`

const ASKS: Readonly<Record<Ask, readonly string[]>> = {
  always: ['A human approves each call.'],
  once_per_run: ['A human approves each different call once a run.'],
  never: [],
}

const MEMBERS: Readonly<Record<ExecOp, DeclaredMember>> = {
  'exec.run': {
    says: [
      'Runs a tool of its own: a module with a default export, or the body of a function of `input`.',
      '`grants` names what it holds, of what the caller holds: a capability (`kv`), a group of ops (`db.NAME`) or an op (`kv.get`); nothing by default.',
      'Rejects with GUEST_CHILD_FAILED when it fails.',
    ],
    code: "run<Value = any>(child: { code: string; input?: unknown; grants?: readonly string[]; limits?: ExecLimits }): Promise<{ status: 'done'; value: Value }>",
  },
  'exec.quarantine': {
    says: [
      'Runs it without any capability on `data`, which is its `input`; only a value that fits `output` comes back. Rejects with DENIED_QUARANTINE in every other case.',
    ],
    code: "quarantine<Value = any>(child: { code: string; data?: unknown; output: ExecOutput; limits?: Omit<ExecLimits, 'max_tool_calls' | 'max_cost_usd'> }): Promise<{ status: 'done'; value: Value }>",
  },
}

const ONLY: DeclaredMember = {
  says: ['A child of the handle is given nothing but what `grants` names, or parts of it.'],
  code: "only(caveats?: Omit<Caveats, 'mode'> & { grants?: string | readonly string[] }): Weaker<Exec>",
}

/** `exec` in TypeScript. `says`: the grant in plain words. */
export const declareExec = (
  says: readonly string[],
  ops: readonly ExecOp[],
  asks: (op: ExecOp) => Ask,
): Declaration => ({
  name: 'exec',
  says,
  members: [
    ...ops.map((op) => {
      const { says: meaning = [], code } = MEMBERS[op]
      return { says: [...meaning, ...ASKS[asks(op)]], code }
    }),
    ONLY,
  ],
  types: ops.includes('exec.quarantine') ? [LIMITS, OUTPUT] : [LIMITS],
})
