import { CageDriver, type Outcome, type Reply, type SeenCall } from '../../cage/cage-driver.ts'

/** A cage for the tests of the web classes. */
export const driver = new CageDriver()

/** Runs the body of a tool with `http` granted, and gives its value; throws what it threw. */
export const runBody = async (
  body: string,
  answer: (call: SeenCall) => Reply = () => ({ value: null }),
): Promise<Outcome> => {
  const outcome = await driver.run({
    code: `export default async (input, capabilities) => { ${body} }`,
    ops: ['http.request'],
    answer,
    segmentMs: 20_000,
  })
  if (!outcome.ok) throw new Error(outcome.error?.message)
  return outcome
}

/** The value of the body of a tool. */
export const valueOf = async (body: string): Promise<unknown> => (await runBody(body)).value
