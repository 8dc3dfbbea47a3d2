/**
 * Looks at the state that a host left, in a process of its own: `verify-process.ts FOLDER RUNS`. Prints the problems as one JSON list.
 * Verifying reads the whole journal into memory, which would count as the host's.
 */
import { stateProblems } from './leftovers.ts'

const [folder = '', runs = '0'] = process.argv.slice(2)
process.stdout.write(JSON.stringify(await stateProblems(folder, Number(runs))))
