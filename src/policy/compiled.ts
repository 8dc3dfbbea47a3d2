import type { Grant, Judgement, Prices, SecretSigner } from '../capabilities/capability.ts'

/** The compiled policy: frozen, pure, named by its digest. Made by compile.ts. */
export type CompiledPolicy = {
  /** `sha256:` + 64 hex digits over the canonical form, after defaults. */
  readonly digest: string
  readonly name: string | undefined
  /** The model that the policy names beside its grants; recorded, not enforced. */
  readonly model: string | undefined
  /** The canonical form itself (JSON text), as the digest covers it. */
  readonly canonical: string
  /** Folder that relative files of the policy stand under; not part of the digest. */
  readonly baseDirectory: string | undefined
  /** By capability name; a capability that is not granted has no entry. */
  readonly grants: ReadonlyMap<string, Grant>
  readonly limits: Limits
  /** Fractions of maxCostMicroUsd, ascending, each without repeats. */
  readonly costAlerts: readonly number[]
  readonly prices: Prices
  readonly secrets: ReadonlyMap<string, SecretDeclaration>
  readonly approval: ApprovalRules
  /** The entries of `human_in_loop`, as written. */
  readonly humanInLoop: readonly string[]
  /** Why a judged call needs a human, or undefined when it does not. */
  needsApproval(judgement: Judgement): ApprovalReason | undefined
  readonly security: SecurityDemands
  readonly warnings: readonly PolicyWarning[]
}

/** How strongly a cage can be confined, the weakest first; what each means is said in src/cage/tiers.ts. */
export const TIERS = ['T1', 'T2', 'T3', 'T4'] as const

export type SecurityDemands = {
  /** Where it cannot be had, nothing runs. */
  readonly minTier: (typeof TIERS)[number] | undefined
  /** No machine code is made from the code of the tool. */
  readonly isStrict: boolean
}

export type Limits = {
  readonly maxToolCalls: number
  readonly maxDurationMs: number
  readonly maxCostMicroUsd: number
  readonly maxCpuMs: number
  readonly maxMemoryMb: number
  readonly maxConcurrentCalls: number
  readonly maxLogBytes: number
  readonly maxOutputBytes: number
}

export type SecretDeclaration = {
  readonly name: string
  readonly source:
    | { readonly kind: 'env'; readonly variable: string }
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'provider'; readonly key: string }
  readonly signer: SecretSigner
  readonly hosts: readonly string[] | undefined
}

export type ApprovalRules = { readonly ttlMs: number; readonly requesterMayApprove: boolean }

/** `rule` is the policy path that asks; `oncePerRun`: one approval covers later calls of the same op and subject in the run. */
export type ApprovalReason = { readonly rule: string; readonly oncePerRun: boolean }

/** What is odd, but not wrong. `line` and `column` (from 1) when the policy came from text. */
export type PolicyWarning = {
  readonly path: string
  readonly message: string
  readonly line?: number
  readonly column?: number
}
