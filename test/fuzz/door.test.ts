import { describe, it } from 'vitest'
import { weakCage } from '../cage/weak-cage.ts'
import { read } from '../conventions/project.ts'
import { assertFound, assertNothingFound, seedOfEnvironment } from './campaign.ts'
import { fuzzDeliver } from './fuzz-deliver.ts'
import { fuzzDoor } from './fuzz-door.ts'

const seed = seedOfEnvironment()
const effort = { seed, durationMs: 3_000 }
/** Under this seed each fault comes up soon. */
const longer = { seed: 1, durationMs: 25_000, shrinkMs: 0 }

describe('the door', () => {
  it(
    'lets out exactly the plain data that a value means, whatever the tool does',
    { timeout: 60_000 },
    async () => {
      assertNothingFound(await fuzzDoor(effort))
    },
  )

  it('lets in exactly the JSON that the host hands over', { timeout: 60_000 }, async () => {
    assertNothingFound(await fuzzDeliver(effort))
  })
})

/** A kernel with one thing put wrong; the text that is replaced must be there. */
const spoilt = (name: string, path: string, from: string, to: string): Promise<string> => {
  const text = read(path)
  if (!text.includes(from)) throw new Error(`${path} does not hold ${from} any more`)
  return weakCage(`fuzz-${name}`, { [path]: text.replace(from, to) })
}

const PASSABLE = 'runtime/kernel/passable.ts'
const NATIVE = 'return write(value, undefined, { left: sizeMax, rootName })'
const DOOR = 'runtime/kernel/door.ts'
const MAIN = 'runtime/main.ts'

describe('negative control: it is found that', () => {
  it('a kernel leaves writing to the engine, and so to toJSON and getters', { timeout: 60_000 }, async () => {
    const entry = await spoilt(
      'native',
      PASSABLE,
      NATIVE,
      'return JSONStringify(value) ?? `${rootName}${sizeMax}${write}`',
    )
    assertFound(await fuzzDoor(longer, entry), /arrived instead of|instead of/)
  })

  it('a kernel reads a property twice', { timeout: 60_000 }, async () => {
    const entry = await spoilt(
      'twice',
      PASSABLE,
      'const member = readOnce(value, step, budget)',
      'readOnce(value, step, budget)\n    const member = readOnce(value, step, budget)',
    )
    assertFound(await fuzzDoor(longer, entry), /instead of/)
  })

  it('a kernel asks prototypes that the tool may have changed', { timeout: 60_000 }, async () => {
    const entry = await spoilt(
      'trusting',
      PASSABLE,
      'const keys = ObjectKeys(value)',
      'const keys = globalThis.Object.keys(value)',
    )
    assertFound(await fuzzDoor(longer, entry), /instead of/)
  })

  it('a run finds a realm that is not as the others are', { timeout: 60_000 }, async () => {
    const marked =
      'clock.start(atMs)\n  ;(globalThis as Record<string, unknown>)["m".repeat(1 + (atMs % 7))] = 1'
    const entry = await spoilt('marked', MAIN, 'clock.start(atMs)', marked)
    assertFound(await fuzzDoor(longer, entry), /not clean/)
  })

  it('a kernel loses what is called __proto__', { timeout: 60_000 }, async () => {
    const merged =
      'const parsed = JSONParse(outcome) as object\n            const result: unknown = typeof parsed === "object" && parsed !== null && !("length" in parsed) ? Object.assign({}, parsed) : parsed'
    const entry = await spoilt('merging', DOOR, 'const result: unknown = JSONParse(outcome)', merged)
    assertFound(await fuzzDeliver(longer, entry), /came back/)
  })
})
