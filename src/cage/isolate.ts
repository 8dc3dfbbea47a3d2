import ivm from 'isolated-vm'
import {
  KERNEL_GLOBAL,
  SEGMENT_END,
  TOOL_FILE,
  type KernelExports,
  type Send,
} from '../../runtime/abi/inside.ts'
import type { Guard } from './guard.ts'

/** How a stretch of guest code ended. */
export type SegmentEnd =
  { readonly end: 'ended' | 'timeout' | 'memory' } | { readonly end: 'threw'; readonly error: unknown }

/** Gives the kernel's exports a module's face, so that the entry module can import them and the tool cannot. */
const KERNEL_MODULE = `export const { open, prepare, loaded, begin, deliver } = globalThis.${KERNEL_GLOBAL}`
/** The module that runs the tool's module and then hands its exports to the kernel; it waits for a top-level await. */
const ENTRY_MODULE = "import * as tool from 'tool'; import { loaded } from 'kernel'; loaded(tool)"
/** A module that fails as the tool's module has failed; while that still runs, it only waits. */
const PROBE_MODULE = "import 'tool'"
const TIMED_OUT = 'Script execution timed out.'
const OUT_OF_MEMORY = /due to memory limit$|^Array buffer allocation failed$/

/** As the library makes it when it is asked for the code; its own type does not say so. */
type CompiledScript = ivm.Script & { readonly cachedData?: ivm.ExternalCopy<ArrayBuffer> }

const messageOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : ''

/**
 * The kernel's text, with the code that the engine made of it: the first isolate compiles, the others take it over. The code
 * never comes from outside this process.
 */
export class KernelCode {
  readonly #text: string
  #cached: ivm.ExternalCopy<ArrayBuffer> | undefined

  constructor(text: string) {
    this.#text = text
  }

  run(isolate: ivm.Isolate, context: ivm.Context): void {
    const cached = this.#cached
    const script: CompiledScript = isolate.compileScriptSync(this.#text, {
      filename: 'kernel.js',
      ...(cached === undefined ? { produceCachedData: true } : { cachedData: cached }),
    })
    this.#cached ??= script.cachedData
    script.runSync(context)
  }
}

/** One isolate with one realm, locked down, its kernel running, before any guest code. */
export class GuestIsolate {
  readonly memoryMb: number
  readonly #isolate: ivm.Isolate
  readonly #context: ivm.Context
  readonly #kernel: ivm.Module
  readonly #deliver: ivm.Reference<KernelExports['deliver']>
  #tool: ivm.Module | undefined
  #segmentMs = 1
  readonly #guard: Guard
  /** Receives what the kernel sends. Must not throw and must not keep the guest waiting. */
  onSend: Send = () => undefined

  constructor(memoryMb: number, code: KernelCode, guard: Guard) {
    this.memoryMb = memoryMb
    this.#guard = guard
    this.#isolate = new ivm.Isolate({ memoryLimit: memoryMb })
    this.#context = this.#isolate.createContextSync()
    code.run(this.#isolate, this.#context)
    this.#kernel = this.#isolate.compileModuleSync(KERNEL_MODULE, { filename: 'kernel.js' })
    this.#kernel.instantiateSync(this.#context, () => this.#kernel)
    this.#kernel.evaluateSync()
    const send: Send = (kind, number, textA, textB, textC) => this.onSend(kind, number, textA, textB, textC)
    const open = this.#export('open') as ivm.Reference<unknown> as ivm.Reference<
      (send: ivm.Callback<Send>) => void
    >
    open.applySync(undefined, [new ivm.Callback(send)])
    this.#deliver = this.#export('deliver')
  }

  #export<Name extends keyof KernelExports>(name: Name): ivm.Reference<KernelExports[Name]> {
    const namespace = this.#kernel.namespace as ivm.Reference<KernelExports>
    return namespace.getSync<{ reference: true }, Name>(name, { reference: true })
  }

  /** Compiles the tool; no guest code runs. `segmentMs` bounds this and each later stretch. */
  compile(program: string, segmentMs: number): SegmentEnd {
    this.#segmentMs = segmentMs
    return this.#segment(() => {
      this.#tool = this.#isolate.compileModuleSync(program, { filename: TOOL_FILE })
    })
  }

  /** The modules that the compiled tool imports. */
  get imports(): readonly string[] {
    return this.#tool?.dependencySpecifiers ?? []
  }

  /** Readies the realm for a run. */
  prepare(...facts: Parameters<KernelExports['prepare']>): SegmentEnd {
    return this.#segment(() => this.#export('prepare').applySync(undefined, facts))
  }

  /** Runs the tool's module, up to its first await. */
  load(): SegmentEnd {
    return this.#evaluate(ENTRY_MODULE)
  }

  /** Asks whether the tool's module has failed: `threw` with its error, or `ended` while it still waits. */
  probe(): SegmentEnd {
    // The engine reports one promise that was left rejected, and only once. What is left of earlier ones is taken out first.
    this.#segment(() => void this.#context.evalSync('', { timeout: this.#segmentMs }))
    return this.#evaluate(PROBE_MODULE)
  }

  /** Calls the tool's default export. */
  begin(): SegmentEnd {
    return this.#segment(() => this.#export('begin').applySync(undefined, [], { timeout: this.#segmentMs }))
  }

  /** Hands over the outcome of a call. */
  deliver(seq: number, ok: boolean, atMs: number, text: string): SegmentEnd {
    return this.#segment(() =>
      this.#deliver.applySync(undefined, [seq, ok, atMs, text], { timeout: this.#segmentMs }),
    )
  }

  /** Frees the isolate. From within a callback it also stops the guest's code; safe to repeat. */
  dispose(): void {
    if (!this.#isolate.isDisposed) this.#isolate.dispose()
  }

  /**
   * Evaluates a small module of ours in the realm. When the tool fails here, the engine copies the error, and with it reads
   * getters of the guest outside the time limit: one that loops is ended by the host, with the process.
   */
  #evaluate(source: string): SegmentEnd {
    return this.#segment(() => {
      const entry = this.#isolate.compileModuleSync(source, { filename: 'entry.js' })
      entry.instantiateSync(this.#context, (specifier) => {
        const found = specifier === 'tool' ? this.#tool : this.#kernel
        if (found === undefined) throw new Error('the tool is not compiled')
        return found
      })
      entry.evaluateSync({ timeout: this.#segmentMs })
    })
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
