import type { AuditRecord } from '../../index.ts'

/** One call of a run, as its audit records tell it. */
export type CallRow = {
  readonly seq: number
  readonly op: string
  readonly subject: string
  readonly verdict: string
  readonly code: string | undefined
  readonly gate: string | undefined
  readonly rule: string | undefined
  readonly message: string | undefined
  readonly hint: string | undefined
  readonly change: string | undefined
  readonly ingressBytes: number
  readonly egressBytes: number
  readonly ms: number | undefined
  readonly costUsd: number
  /** What a commit of files changed, one after the other. */
  readonly committed: string | undefined
}

const textOf = (facts: AuditRecord['facts'], key: string): string | undefined => {
  const value = facts[key]
  return value === undefined || value === '' ? undefined : String(value)
}

const numberOf = (facts: AuditRecord['facts'], key: string): number | undefined => {
  const value = facts[key]
  return typeof value === 'number' ? value : undefined
}

/** The calls among the records of one run, in the order in which they were made. */
export const callRows = (records: readonly AuditRecord[]): CallRow[] =>
  records
    .filter(({ event }) => event === 'call')
    .map(({ facts }) => ({
      seq: numberOf(facts, 'seq') ?? 0,
      op: textOf(facts, 'op') ?? '?',
      subject: textOf(facts, 'subject') ?? '',
      verdict: textOf(facts, 'verdict') ?? '?',
      code: textOf(facts, 'code'),
      gate: textOf(facts, 'gate'),
      rule: textOf(facts, 'rule'),
      message: textOf(facts, 'message'),
      hint: textOf(facts, 'hint'),
      change: textOf(facts, 'change'),
      ingressBytes: numberOf(facts, 'ingress_bytes') ?? 0,
      egressBytes: numberOf(facts, 'egress_bytes') ?? 0,
      ms: numberOf(facts, 'ms'),
      committed: textOf(facts, 'committed'),
      costUsd: (numberOf(facts, 'cost_micro_usd') ?? 0) / 1e6,
    }))
    .sort((left, right) => left.seq - right.seq)
