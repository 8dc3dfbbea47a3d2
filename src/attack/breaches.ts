import type { AttackCase, Check, Evidence } from './evidence.ts'
import {
  ALWAYS,
  endedBy,
  endOf,
  holds,
  lastOf,
  notedTimes,
  processGone,
  recorded,
  returned,
  seconds,
} from './checks.ts'
import type { Tier } from '../cage/tiers.ts'

/** What a tier does not promise to hold back; the README says so. In the other tiers nothing is spared. */
const NOT_PROMISED: Readonly<Partial<Record<Tier, RegExp>>> = {
  T1: /^signal |^see the (name|network) of the host$/,
  T2: /^see the name of the host$/,
}
const LEAST_ATTEMPTS = 15

const isSpared = (tier: Tier, name: string): boolean => NOT_PROMISED[tier]?.test(name) === true

const through = (tier: Tier, { box }: Evidence): string[] =>
  box.filter(({ held, name }) => !held && !isSpared(tier, name)).map(({ name }) => name)

const tellBox = (tier: Tier, { box }: Evidence): string => {
  const held = box.filter((one) => one.held).length
  const spared = box
    .filter(({ held: isHeld, name }) => !isHeld && isSpared(tier, name))
    .map(({ name }) => name)
  const text = `${held} of ${box.length} attempts held`
  return spared.length === 0 ? text : `${text}; ${tier} does not promise: ${spared.join(', ')}`
}

const boxCase = (tier: Tier, box: NonNullable<AttackCase['box']>, what: string): AttackCase => ({
  id: 'H11',
  group: 'A',
  what,
  box,
  checks: [
    holds('the program did not get to its end', (seen) => seen.box.length >= LEAST_ATTEMPTS),
    {
      judge: (seen) =>
        through(tier, seen).length === 0 ? undefined : `it could ${through(tier, seen).join(', ')}`,
    },
    holds('the host was reached from inside', ({ trapped }) => trapped === 0),
  ],
  tell: (seen) => tellBox(tier, seen),
})

/** H11: a program that has taken the process over. What it meets with nothing but the box is promised from T3 on. */
export const boxCases = (tier: Tier): readonly AttackCase[] => {
  const asRun = boxCase(tier, 'as cages run', 'a program that took the process of a cage over')
  const alone = boxCase(tier, 'alone', 'the same, with nothing but the box around it')
  return tier === 'T1' || tier === 'T2' ? [asRun] : [asRun, alone]
}

const POLICY = {
  permissions: { tools: { note: {} } },
  limits: { max_duration_seconds: 0.5, max_tool_calls: 20, max_memory_mb: 64 },
}

const forgery = (
  name: string,
  checks: readonly Check[],
  more: Partial<AttackCase['setup']> = {},
): AttackCase => ({
  id: 'H57',
  group: 'H',
  what: `a cage that sends ${name}`,
  setup: {
    policy: () => POLICY,
    runs: () => [{ code: 'return "never run"' }],
    forgery: name,
    patienceMs: 10_000,
    endsCage: true,
    ...more,
  },
  checks: [...checks, ...ALWAYS],
  tell: (seen) => `${endOf(lastOf(seen))} after ${seconds(seen.tookMs)}`,
})

const breach = (name: string, callsMax = 0): AttackCase =>
  forgery(name, [
    endedBy('GUEST_BREACH'),
    recorded('run.ended', 'GUEST_BREACH'),
    holds(
      'no record of one breach',
      ({ records }) => records.filter(({ event }) => event === 'breach').length === 1,
    ),
    notedTimes(0, callsMax),
    processGone,
  ])

/** H57: a cage that forges frames. */
export const FORGERY_CASES: readonly AttackCase[] = [
  breach('a call of another run'),
  breach('the end of another run'),
  breach('the name of another run'),
  breach('a call that skips one'),
  breach('a call twice', 1),
  breach('a handle that nobody gave'),
  breach('a cost below nothing'),
  breach('an earlier time'),
  breach('a kind of frame that is none'),
  breach('a header that is no JSON'),
  breach('a frame larger than any'),
  breach('a value and a fault at once'),
  forgery('half a frame, then silence', [endedBy('LIMIT_DURATION'), processGone]),
  forgery('calls after its own end', [returned('ended'), notedTimes(0)], {
    verifies: true,
    endsCage: false,
    lingerMs: 50,
  }),
]
