/**
 * A host in a process of its own that runs one tool: `node ending-host.ts STATE WAY [LOG]`. `closes` its gate at the end,
 * `forgets` to, or `computes` without end after it has said so. With LOG it first fails to open another gate with that log.
 */
import { createTollgate } from '../../src/index.ts'

const [state = '', way, auditLog] = process.argv.slice(2)
if (auditLog !== undefined) await createTollgate({ state, auditLog }).catch(() => undefined)
const gate = await createTollgate({ state })
if (way === 'computes') {
  const onEvent = (event: { kind: string }): void => void (event.kind === 'log' && console.log('computing'))
  const code =
    'console.log("begun"); await new Promise((resolve) => setTimeout(resolve, 1)); new Array(2 ** 32 - 1).indexOf(1)'
  await gate.run({ code, policy: { limits: { max_duration_seconds: 600, max_cpu_seconds: 600 } }, onEvent })
}
const { value } = await gate.run({ code: 'return 6 * 7', policy: {} })
console.log(value)
if (way === 'closes') await gate.close()
