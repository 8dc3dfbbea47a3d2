import { atpServer } from '../rivals/atp-server.ts'
import { codeMode } from '../rivals/code-mode.ts'
import { denoProcess } from '../rivals/deno-process.ts'
import { denoWorker } from '../rivals/deno-worker.ts'
import { fork } from '../rivals/fork.ts'
import { isolatedVm } from '../rivals/isolated-vm.ts'
import { nodeVm } from '../rivals/node-vm.ts'
import { plainNode } from '../rivals/plain-node.ts'
import { quickjsEmscripten } from '../rivals/quickjs-emscripten.ts'
import type { Rival } from '../rivals/rival.ts'
import { sebastianwesselQuickjs } from '../rivals/sebastianwessel-quickjs.ts'
import { secureExec } from '../rivals/secure-exec.ts'
import { tollgate, tollgateReusing } from './tollgate.ts'
import { vercelRun } from '../rivals/vercel-run.ts'
import { workerThreads } from '../rivals/worker-threads.ts'
import { workerd } from '../rivals/workerd.ts'

/** Everybody who is asked every question, in the order of the table. */
export const ROSTER: readonly Rival[] = [
  tollgate,
  isolatedVm,
  nodeVm,
  workerThreads,
  fork,
  quickjsEmscripten,
  sebastianwesselQuickjs,
  vercelRun,
  codeMode,
  atpServer,
  secureExec,
  workerd,
  denoProcess,
  denoWorker,
]

/** Who is asked single questions only. */
export const REUSING_CONTEXT = tollgateReusing('context')
export const REUSING_ISOLATE = tollgateReusing('isolate')
export const PLAIN_NODE = plainNode

const ALL = [...ROSTER, REUSING_CONTEXT, REUSING_ISOLATE, PLAIN_NODE]

/** Finds a contender by the name that the table shows. */
export const findRival = (name: string): Rival => {
  const found = ALL.find((rival) => rival.name === name)
  if (found === undefined) throw new Error(`there is no rival ${name}`)
  return found
}
