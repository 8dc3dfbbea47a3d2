/** Runs single cases against weaker builds, for negative controls. */
import { expect } from 'vitest'
import type { AttackParts } from '../../src/attack/arena.ts'
import type { AttackCase, CaseOutcome } from '../../src/attack/evidence.ts'
import { casesFor } from '../../src/attack/roster.ts'
import { runCases } from '../../src/attack/run-cases.ts'

/** Every case of the weakest tier. */
export const CASES = casesFor('T1')
/** What an endless guest is given up after, when nobody stops it; a guest that ends by itself has the time that its case gives it. */
const PATIENCE_MS = 900

/** The cases of a number whose description begins so. */
export const named = (id: string, what = ''): AttackCase[] => {
  const found = CASES.filter((one) => one.id === id && one.what.startsWith(what))
  if (found.length === 0) throw new Error(`there is no case ${id} ${what}`)
  return found
}

const hasty = (one: AttackCase, patienceMs?: number): AttackCase => {
  const { setup } = one
  if (setup === undefined || (patienceMs ?? setup.patienceMs) === undefined) return one
  return { ...one, setup: { ...setup, patienceMs: patienceMs ?? PATIENCE_MS } }
}

/** Runs cases against a build. */
export const attack = (
  cases: readonly AttackCase[],
  parts: AttackParts,
  patienceMs?: number,
): Promise<readonly CaseOutcome[]> =>
  runCases(
    cases.map((one) => hasty(one, patienceMs)),
    { tier: 'T1', parts, signal: new AbortController().signal },
  )

/** Every one of the cases is reported as broken, in these words. */
export const expectBroken = async (
  cases: readonly AttackCase[],
  parts: AttackParts,
  words: RegExp,
  patienceMs?: number,
): Promise<void> => {
  const outcomes = await attack(cases, parts, patienceMs)
  expect(outcomes).toHaveLength(cases.length)
  for (const outcome of outcomes) {
    expect(outcome.held, `${outcome.id} ${outcome.what}: ${outcome.happened}`).toBe(false)
    expect(outcome.happened).toMatch(words)
    expect(outcome.happened).not.toMatch(/the attack itself failed|running threw TypeError/)
  }
}
