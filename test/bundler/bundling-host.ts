/** A host in a process of its own that runs the tool of the given file, and never hears of signals. */
import { createTollgate } from '../../src/index.ts'

const gate = await createTollgate({ state: ':memory:', spareCages: 0 })
const { status, error } = await gate.run({ file: process.argv[2] ?? '', policy: {} })
console.log('ended', status, error)
await gate.close()
