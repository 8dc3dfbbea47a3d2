/**
 * A host that pays until its state cannot be written any more: `node filling-host.ts STATE WORLD`. Prints one line of JSON for
 * each run: the outcomes of its payments, or the error of the run; ends after three runs that could not pay.
 */
import { openGateOf } from './gates.ts'
import { PAY_ALL, PAY_POLICY, World } from './payments.ts'

const [state = '', world = ''] = process.argv.slice(2)
const gate = await openGateOf({ state, tools: [new World(world).tool()] })
for (let run = 0, refused = 0; refused < 3 && run < 2_000; run += 1) {
  const { value, error } = await gate.run({
    code: PAY_ALL,
    input: { from: 5 * run, to: 5 * run + 5 },
    policy: PAY_POLICY,
  })
  if (error !== undefined) refused += 1
  console.log(JSON.stringify(value ?? { run: `${error?.code ?? ''}@${error?.gate ?? ''}` }))
}
await gate.close().then(
  () => console.log('"closed"'),
  (error: unknown) => console.log(JSON.stringify((error as { code?: string }).code)),
)
