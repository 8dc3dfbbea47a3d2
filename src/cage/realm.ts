import ivm from 'isolated-vm'
import {
  KERNEL_GLOBAL,
  SEGMENT_END,
  TOOL_FILE,
  type KernelExports,
  type Send,
} from '../../runtime/abi/inside.ts'
import { WEB_PARTS } from '../../runtime/abi/web-names.ts'
import type { Guard } from './guard.ts'

/** How a stretch of guest code ended. */
export type SegmentEnd =
  { readonly end: 'ended' | 'timeout' | 'memory' } | { readonly end: 'threw'; readonly error: unknown }

/** What is run, apart from its input: the stub manifest as JSON, and the tool as a JavaScript module. */
export type Deployment = { readonly manifest: string; readonly program: string }

/** Whether it is the same tool with the same capabilities. */
export const isSame = (a: Deployment | undefined, b: Deployment): boolean =>
  a !== undefined && a.manifest === b.manifest && a.program === b.program

/** The isolate that a realm lives in. */
export interface Home {
  /** Heap limit. */
  readonly memoryMb: number
  /** It made a realm before the one that it made last. */
  readonly isUsed: boolean
  /** It should make no further realm. */
  readonly isWorn: boolean
  /** It was given back, or the engine ended it for its memory. */
  readonly isDisposed: boolean
  makeRealm(): GuestRealm
  /** The script of the web classes, compiled when it is first asked for. */
  webScript(): ivm.Script
  /** Frees the isolate. From within a callback it also stops the guest's code; safe to repeat. */
  dispose(): void
}

/** The engine makes Temporal when it is first looked at, which costs more than all the rest of a realm: only who names it has it. */
const namesTemporal = ({ program }: Deployment): boolean => program.includes('Temporal')

const WEB_NAMES = Object.entries(WEB_PARTS).map(
  ([part, names]) => [part, new RegExp(`(?<![\\w$])(?:${names.join('|')})(?![\\w$])`)] as const,
)
/** The parts of the web classes that a program names, as a list with commas; the others cost it nothing. */
const namedWebParts = (program: string): string =>
  WEB_NAMES.filter(([, names]) => names.test(program))
    .map(([part]) => part)
    .join()

/** Gives the kernel's exports a module's face, so that the entry module can import them and the tool cannot. */
const KERNEL_MODULE = `export const { open, grow, prepare, loaded, begin, deliver } = globalThis.${KERNEL_GLOBAL}`
/** The module that runs the tool's module and then hands its exports to the kernel; it waits for a top-level await. */
const ENTRY_MODULE = "import * as tool from 'tool'; import { loaded } from 'kernel'; loaded(tool)"
/** A module that fails as the tool's module has failed; while that still runs, it only waits. */
const PROBE_MODULE = "import 'tool'"
const TIMED_OUT = 'Script execution timed out.'
const OUT_OF_MEMORY = /due to memory limit$|^Array buffer allocation failed$/

const messageOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : ''

/** The parts of the kernel that the cage calls, one after the other. */
type Calls = Pick<KernelExports, 'grow' | 'prepare' | 'begin' | 'deliver'>

/** One realm, locked down, its kernel running, before any guest code; and then the tool in it. */
export class GuestRealm {
  readonly home: Home
  readonly #engine: ivm.Isolate
  readonly #context: ivm.Context
  readonly #guard: Guard
  readonly #kernel: ivm.Module
  readonly #entry: ivm.Module
  readonly #calls: { readonly [Name in keyof Calls]: ivm.Reference<Calls[Name]> }
  #tool: ivm.Module | undefined
  #deployment: Deployment | undefined
  #webParts = ''
  #hasWeb = false
  #isGrown = false
  #segmentMs = 1
  /** The tool's module has run to its end. */
  isLoaded = false
  /** Receives what the kernel sends. Must not throw and must not keep the guest waiting. */
  onSend: Send = () => undefined

  /** `script` is the kernel, compiled in `engine`. */
  constructor(home: Home, engine: ivm.Isolate, script: ivm.Script, guard: Guard) {
    this.home = home
    this.#engine = engine
    this.#guard = guard
    this.#context = engine.createContextSync()
    script.runSync(this.#context)
    this.#kernel = engine.compileModuleSync(KERNEL_MODULE, { filename: 'kernel.js' })
    this.#kernel.instantiateSync(this.#context, () => this.#kernel)
    this.#kernel.evaluateSync()
    const send: Send = (...sent) => this.onSend(...sent)
    const open = this.#export('open') as ivm.Reference<unknown> as ivm.Reference<
      (send: ivm.Callback<Send>) => void
    >
    open.applySync(undefined, [new ivm.Callback(send)])
    open.release()
    this.#calls = {
      grow: this.#export('grow'),
      prepare: this.#export('prepare'),
      begin: this.#export('begin'),
      deliver: this.#export('deliver'),
    }
    this.#entry = engine.compileModuleSync(ENTRY_MODULE, { filename: 'entry.js' })
  }

  #export<Name extends keyof KernelExports>(name: Name): ivm.Reference<KernelExports[Name]> {
    // Each reading makes a reference anew, and one that is not released keeps the whole realm.
    const namespace = this.#kernel.namespace as ivm.Reference<KernelExports>
    const found = namespace.getSync<{ reference: true }, Name>(name, { reference: true })
    namespace.release()
    return found
  }

  /** What it was readied for last. */
  get deployment(): Deployment | undefined {
    return this.#deployment
  }

  /** Whether a run of this deployment can be its first. */
  isFitFor(deployment: Deployment): boolean {
    if (this.#deployment === undefined || isSame(this.#deployment, deployment)) return true
    const isSameTime = namesTemporal(this.#deployment) === namesTemporal(deployment)
    return isSameTime && this.#webParts === namedWebParts(deployment.program)
  }

  /** The modules that the compiled tool imports. */
  get imports(): readonly string[] {
    return this.#tool?.dependencySpecifiers ?? []
  }

  /**
   * Compiles the tool and makes its capabilities; no guest code runs. May be done ahead, and again for another tool as long as
   * none has run here. Afterwards each run of the tool needs it once, and it only makes the capabilities anew. The engine takes
   * cached code for a module, but gains nothing by it (2.65 ms for 100 KB either way): hence ahead.
   * `segmentMs` bounds this and each later stretch.
   */
  ready(deployment: Deployment, segmentMs: number): SegmentEnd {
    this.#segmentMs = segmentMs
    if (!isSame(this.#deployment, deployment)) {
      const compiled = this.#segment(() => {
        this.#tool?.release()
        this.#tool = undefined
        this.#tool = this.#engine.compileModuleSync(deployment.program, { filename: TOOL_FILE })
      })
      if (compiled.end !== 'ended') return compiled
      this.#deployment = deployment
      this.#webParts = namedWebParts(deployment.program)
      this.#isGrown = false
    }
    if (this.#isGrown) return { end: 'ended' }
    const grown = this.#segment(() => {
      if (this.#webParts !== '' && !this.#hasWeb) this.home.webScript().runSync(this.#context)
      this.#hasWeb ||= this.#webParts !== ''
      this.#calls.grow.applySync(undefined, [deployment.manifest, namesTemporal(deployment), this.#webParts])
    })
    this.#isGrown = grown.end === 'ended'
    // A manifest is the host's own, so only an isolate that is gone can fail here.
    if (grown.end !== 'threw') return grown
    if (this.home.isDisposed) return { end: 'memory' }
    throw grown.error
  }

  /** Sets clock, random numbers and input of a run. */
  prepare(...facts: Parameters<KernelExports['prepare']>): SegmentEnd {
    this.#isGrown = false
    return this.#segment(() => this.#calls.prepare.applySync(undefined, facts))
  }

  /** Runs the tool's module, up to its first await. */
  load(): SegmentEnd {
    return this.#segment(() => this.#evaluate(this.#entry))
  }

  /** Asks whether the tool's module has failed: `threw` with its error, or `ended` while it still waits. */
  probe(): SegmentEnd {
    // The engine reports one promise that was left rejected, and only once. What is left of earlier ones is taken out first.
    this.isQuiet()
    return this.#segment(() => {
      const probe = this.#engine.compileModuleSync(PROBE_MODULE, { filename: 'entry.js' })
      try {
        this.#evaluate(probe)
      } finally {
        probe.release()
      }
    })
  }

  /**
   * Whether the guest has left no promise rejected. The engine reports one at the next crossing that does not throw, in whichever
   * realm of the isolate, and reads its getters for that: better here, where the run that left it pays.
   */
  isQuiet(): boolean {
    return this.#segment(() => void this.#context.evalSync('', { timeout: this.#segmentMs })).end === 'ended'
  }

  /** Calls the tool's default export. */
  begin(): SegmentEnd {
    return this.#segment(() => this.#calls.begin.applySync(undefined, [], { timeout: this.#segmentMs }))
  }

  /** Hands over the outcome of a call. */
  deliver(seq: number, ok: boolean, atMs: number, text: string): SegmentEnd {
    return this.#segment(() =>
      this.#calls.deliver.applySync(undefined, [seq, ok, atMs, text], { timeout: this.#segmentMs }),
    )
  }

  /** Gives the realm back to its isolate: nothing of it may be used any more. What still holds on to it would leak. */
  release(): void {
    this.onSend = () => undefined
    for (const call of Object.values(this.#calls)) call.release()
    for (const module of [this.#kernel, this.#entry, this.#tool]) module?.release()
    this.#context.release()
  }

  /**
   * Evaluates a small module of ours in the realm. When the tool fails here, the engine copies the error, and with it reads
   * getters of the guest outside the time limit: one that loops is ended by the host, with the process.
   */
  #evaluate(module: ivm.Module): void {
    module.instantiateSync(this.#context, (specifier) => {
      const found = specifier === 'tool' ? this.#tool : this.#kernel
      if (found === undefined) throw new Error('the tool is not compiled')
      return found
    })
    module.evaluateSync({ timeout: this.#segmentMs })
  }

  #segment(work: () => void): SegmentEnd {
    const startMs = performance.now()
    this.#guard.enter(this.#segmentMs)
    try {
      work()
    } catch (error) {
      if (error === SEGMENT_END) return { end: 'ended' }
      const message = messageOf(error)
      if (OUT_OF_MEMORY.test(message)) return { end: 'memory' }
      // A guest may throw an error with these words, but it cannot make the time pass.
      if (message === TIMED_OUT && performance.now() - startMs >= this.#segmentMs) return { end: 'timeout' }
      return { end: 'threw', error }
    } finally {
      this.#guard.leave()
    }
    return { end: 'ended' }
  }
}
