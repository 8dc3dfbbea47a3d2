/**
 * A host that pays in a process of its own: `node paying-host.ts STATE WORLD FROM TO WAY`. Prints `paying` at its first payment
 * and the value of the run at its end. WAY `dies-after` and `dies-before` end it in the middle of the payment number FROM + 2;
 * with `careless` the store forgets its intents.
 */
import { openGateOf, withSetting } from './gates.ts'
import { PAY_ALL, PAY_POLICY, World } from './payments.ts'

const [state = '', world = '', from = '0', to = '0', ...ways] = process.argv.slice(2)
const die = (): void => void process.kill(process.pid, 'SIGKILL')
const isFatal = (n: number): boolean => n === Number(from) + 2

let isPaying = false
const before = (n: number): void => {
  if (!isPaying) console.log('paying')
  isPaying = true
  if (ways.includes('dies-before') && isFatal(n)) die()
}
const after = (n: number): void => {
  if (ways.includes('dies-after') && isFatal(n)) die()
}
const careless = withSetting(({ store }) => ({
  store: { ...store, receipts: { ...store.receipts, get: () => undefined, intend: () => true } },
}))

await using gate = await openGateOf(
  { state, tools: [new World(world).tool({ before, after })] },
  ways.includes('careless') ? careless : undefined,
)
const input = { from: Number(from), to: Number(to) }
const { value, error } = await gate.run({ code: PAY_ALL, input, policy: PAY_POLICY })
console.log(JSON.stringify(value ?? error))
