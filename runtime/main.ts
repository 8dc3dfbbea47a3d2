/**
 * The kernel: everything that runs in an isolate before the tool does. The order below is the order of events. Importing it
 * captures the built-ins; `open` turns the bare realm into the guest's; the tool's code comes last.
 */
import type { KernelExports, Send } from './abi/inside.ts'
import type { StubManifest } from './abi/ops.ts'
import { WEB_GLOBAL } from './abi/web-names.ts'
import { DB_EXECUTE, DB_QUERY, sweetenDb, sweetenDbExecute } from './capabilities/db.ts'
import { FS_SUGARS } from './capabilities/fs.ts'
import { HTTP_OP, sweetenHttp } from './capabilities/http.ts'
import { KV_SUGARS } from './capabilities/kv.ts'
import { installClock, type Clock } from './kernel/clock.ts'
import { installConsole } from './kernel/console.ts'
import { openDoor, type Door } from './kernel/door.ts'
import { lockdown } from './kernel/lockdown.ts'
import { GLOBAL, JSONParse, ReflectDeleteProperty } from './kernel/primordials.ts'
import { runProgram } from './kernel/program.ts'
import { installRandom, type Reseed } from './kernel/random.ts'
import { endSegment } from './kernel/segment.ts'
import { closeStacks } from './kernel/stacks.ts'
import { growStubs, type StubTree, type Sugar } from './kernel/stub.ts'
import { installTimers } from './kernel/timers.ts'
import type { InstallWeb } from './web/powers.ts'

const SUGARS = {
  __proto__: null,
  [HTTP_OP]: sweetenHttp,
  [DB_QUERY]: sweetenDb,
  [DB_EXECUTE]: sweetenDbExecute,
  ...FS_SUGARS,
  ...KV_SUGARS,
} as unknown as Readonly<Record<string, Sugar>>

let native: Send
let door: Door
let restartConsole: () => void
let restartTimers: () => void
let clock: Clock
let reseed: Reseed
let input: unknown
let capabilities: StubTree
let tool: object | undefined
let begun = false
let hasWeb = false

const runWhenReady = (): void => {
  if (!begun || tool === undefined) return
  runProgram(door, tool, input, capabilities)
}

/** See {@link KernelExports}. */
export const open: KernelExports['open'] = (send: Send) => {
  lockdown()
  clock = installClock()
  reseed = installRandom()
  closeStacks()
  native = send
  const log: Door['log'] = (level, text) => door.log(level, text)
  const control: Door['control'] = (op, args, settle) => door.control(op, args, settle)
  const { report, restart } = installConsole(log, clock.now)
  restartConsole = restart
  restartTimers = installTimers(control, report)
}

/** The script of the web classes has left its way in, which is gone before the guest's code comes. */
const installWeb = (parts: string): void => {
  const { [WEB_GLOBAL]: install } = GLOBAL as { [WEB_GLOBAL]?: InstallWeb }
  ReflectDeleteProperty(GLOBAL, WEB_GLOBAL)
  install?.(parts, (args, open) => door.call(HTTP_OP, () => ({ args: args(), options: undefined }), open))
}

/** See {@link KernelExports}. */
export const grow: KernelExports['grow'] = (manifest, namesTemporal, webParts) => {
  clock.settleTemporal(namesTemporal)
  door = openDoor(native)
  restartConsole()
  restartTimers()
  capabilities = growStubs(door, JSONParse(manifest) as StubManifest, SUGARS)
  begun = false
  if (webParts !== '' && !hasWeb) installWeb(webParts)
  hasWeb ||= webParts !== ''
  return endSegment()
}

/** See {@link KernelExports}. */
export const prepare: KernelExports['prepare'] = (seed0, seed1, seed2, seed3, atMs, inputJson) => {
  reseed(seed0, seed1, seed2, seed3)
  clock.start(atMs)
  input = JSONParse(inputJson)
  return endSegment()
}

/** See {@link KernelExports}. */
export const loaded: KernelExports['loaded'] = (exports) => {
  tool = exports
  door.loaded()
  runWhenReady()
}

/** See {@link KernelExports}. */
export const begin: KernelExports['begin'] = () => {
  begun = true
  runWhenReady()
  return endSegment()
}

/** See {@link KernelExports}. */
export const deliver: KernelExports['deliver'] = (seq, ok, atMs, text) => {
  clock.moveTo(atMs)
  door.deliver(seq, ok, text)
  return endSegment()
}
