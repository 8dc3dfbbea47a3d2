import fc from 'fast-check'

/** How much is tried. Whichever bound comes first ends it; without any, one batch is tried. */
export type Effort = {
  /** Where the random choices begin; the same seed makes the same cases in the same order. */
  readonly seed: number
  readonly casesMax?: number
  readonly durationMs?: number
  /** How long a failing case may be made smaller. */
  readonly shrinkMs?: number
  /** Hears after each batch how many cases there were. */
  readonly progress?: (cases: number) => void
}

export type Finding = {
  /** With this seed the very first batch finds it again. */
  readonly seed: number
  readonly why: string
  /** The smallest case that was found. */
  readonly example: string
}

export type Report = {
  readonly target: string
  readonly seed: number
  readonly cases: number
  readonly tookMs: number
  readonly finding?: Finding
}

/** Cases under one seed, when a target does not say otherwise. */
const BATCH = 100
const SHRINK_MS = 5_000
const EXAMPLE_SIZE_MAX = 4_000
/** Seeds are 32-bit integers. */
const SEEDS = 2 ** 31

/** A promise of a case takes this long at most, else the case hangs, and that is a finding of its own. */
const HANGS_AFTER_MS = 25_000

/** The seed that was asked for by the variable FUZZ_SEED, or a new one. */
export const seedOfEnvironment = (): number => {
  const given = process.env['FUZZ_SEED']
  return given === undefined ? Date.now() % SEEDS : Number(given)
}

/** Rejects when the work does not end; a case that hangs is named so, and not left to the end of the test. */
export const untilHangs = async <Value>(work: Promise<Value>, what: string): Promise<Value> => {
  let timer: NodeJS.Timeout | undefined
  const hangs = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} does not end`)), HANGS_AFTER_MS)
  })
  try {
    return await Promise.race([work, hangs])
  } finally {
    clearTimeout(timer)
  }
}

const whyOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/**
 * Tries a property batch after batch, each under a seed of its own, until the effort is spent or a case fails; a failure is made
 * as small as the time allows.
 */
export const campaign = async <Case>(
  target: string,
  arbitrary: fc.Arbitrary<Case>,
  holds: (one: Case) => void | Promise<void>,
  { seed, casesMax, durationMs, shrinkMs = SHRINK_MS, progress }: Effort,
  batch = BATCH,
): Promise<Report> => {
  const startMs = performance.now()
  const leftMs = (): number => (durationMs ?? Infinity) - (performance.now() - startMs)
  const most = casesMax ?? (durationMs === undefined ? batch : Infinity)
  let cases = 0
  let smallerUntilMs = Infinity
  const property = fc.asyncProperty(arbitrary, async (one) => {
    // What is not tried any more counts as good: the smallest failure so far stands.
    if (performance.now() > smallerUntilMs || (smallerUntilMs === Infinity && leftMs() <= 0)) return
    if (smallerUntilMs === Infinity) cases += 1
    try {
      await holds(one)
    } catch (error) {
      if (smallerUntilMs === Infinity) smallerUntilMs = performance.now() + shrinkMs
      throw error
    }
  })
  let finding: Finding | undefined
  for (let at = 0; finding === undefined && cases < most && leftMs() > 0; at += 1) {
    const batchSeed = (seed + at) % SEEDS
    const details = await fc.check(property, { seed: batchSeed, numRuns: Math.min(batch, most - cases) })
    if (details.failed)
      finding = {
        seed: batchSeed,
        why: whyOf(details.errorInstance),
        example: fc.stringify(details.counterexample?.[0]).slice(0, EXAMPLE_SIZE_MAX),
      }
    progress?.(cases)
  }
  const tookMs = performance.now() - startMs
  return { target, seed, cases, tookMs, ...(finding !== undefined && { finding }) }
}

/** A finding in words, with what finds it again. */
export const tellFinding = ({ target, finding }: Report): string =>
  finding === undefined
    ? ''
    : `${target}: ${finding.why}\nagain with FUZZ_SEED=${finding.seed} (or npm run fuzz -- --target=${target} --seed=${finding.seed})\n${finding.example}`

/** Throws when something was found, with the seed that finds it again, or when nothing was tried. */
export const assertNothingFound = (report: Report): void => {
  if (report.finding !== undefined) throw new Error(tellFinding(report))
  if (report.cases === 0) throw new Error(`${report.target}: not one case was tried`)
}

/** Throws when nothing was found: for weak parts that are planted, which must be caught. */
export const assertFound = ({ target, cases, finding }: Report, why: RegExp): void => {
  if (finding === undefined) throw new Error(`${target}: ${cases} cases, and the planted fault was not found`)
  if (!why.test(finding.why))
    throw new Error(`${target}: found something else than was planted: ${finding.why}`)
}
