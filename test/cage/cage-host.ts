/** A host that starts a cage of the given entry in the given tier, says so when the cage has spoken, and waits to be killed. */
import { launchCage } from '../../src/cage/launch.ts'
import type { Tier } from '../../src/cage/tiers.ts'

const [entry = '', tier, mark = ''] = process.argv.slice(2)
const cage = launchCage({ entry, tier: tier as Tier, argument: mark })
cage.onFrame = () => process.stdout.write('started\n')
