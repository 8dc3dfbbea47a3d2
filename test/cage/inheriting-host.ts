/** Says what a process that it starts would find under a descriptor, first with and then without the care that a cage gets. */
import { spawnSync, type StdioOptions } from 'node:child_process'
import { withNothingInherited } from '../../src/cage/descriptors.ts'

const [, , descriptor = ''] = process.argv

const foundIn = (stdio: StdioOptions): string =>
  spawnSync('readlink', [`/proc/self/fd/${descriptor}`], { stdio, encoding: 'utf8' }).stdout.trim()

const careful = withNothingInherited(['ignore', 'pipe', 'ignore'], foundIn)
process.stdout.write(JSON.stringify({ careful, careless: foundIn(['ignore', 'pipe', 'ignore']) }))
