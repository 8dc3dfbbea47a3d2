/**
 * Takes the place of the cage's entry and behaves as a program that has taken the process over: it tries what no cage may do and
 * reports what came of it, one log frame an attempt. `tollgate doctor` and the tests run it in every tier. What gets through
 * does no harm: files are made and taken away again, signals are 0, settings are opened and not written.
 */
import { writeSync } from 'node:fs'
import { FRAME_VERSION } from '../../runtime/abi/frames.ts'
import { encodeFrame } from './port.ts'
import { fileAttempts, type Attempt } from './self-attack-files.ts'
import { networkAttempts } from './self-attack-network.ts'
import { processAttempts } from './self-attack-processes.ts'

const PORT_FD = 3
const SLOT = 1
const DETAIL_SIZE_MAX = 200
/** What may take for ever is given up: a held attempt is one that gets nothing. */
const GIVE_UP_MS = 1_000

const report = (text: string): void => {
  writeSync(PORT_FD, encodeFrame({ t: 'log', slot: SLOT, level: 'info' }, [text]))
}

const outcomeOf = async (attempt: Attempt): Promise<{ held: boolean; detail: string }> => {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('no answer')), GIVE_UP_MS)
  try {
    const got = await Promise.race([Promise.try(attempt), late])
    return { held: false, detail: String(got) }
  } catch (error) {
    return { held: true, detail: error instanceof Error ? error.message : String(error) }
  } finally {
    clearTimeout(timer)
  }
}

// What the cage gives up before guest code runs, its attacker does not have either.
process.permission?.drop?.('addon')
process.permission?.drop?.('worker')
process.on('uncaughtException', () => undefined)
writeSync(PORT_FD, encodeFrame({ t: 'ready', v: FRAME_VERSION }, []))
/** The host passes a port of loopback where it listens, and its own process id. */
const [hostPort = 0, hostPid = 0] = (process.argv[3] ?? '').split(',').map(Number)
const attempts = { ...fileAttempts, ...processAttempts(hostPid), ...networkAttempts(hostPort) }
for (const [name, attempt] of Object.entries(attempts)) {
  const { held, detail } = await outcomeOf(attempt)
  report(JSON.stringify({ name, held, detail: detail.slice(0, DETAIL_SIZE_MAX) }))
}
writeSync(PORT_FD, encodeFrame({ t: 'done', slot: SLOT, ok: true }, ['null']))
