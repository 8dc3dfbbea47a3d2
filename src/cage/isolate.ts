import { setFlagsFromString } from 'node:v8'
import ivm from 'isolated-vm'
import type { Guard } from './guard.ts'
import { GuestRealm, type Home } from './realm.ts'

/** As the library makes it when it is asked for the code; its own type does not say so. */
type CompiledScript = ivm.Script & { readonly cachedData?: ivm.ExternalCopy<ArrayBuffer> }

/** The scripts of ours that run in a guest's realm; the second only where the tool names a web class. */
export type GuestTexts = { readonly kernel: string; readonly web: string }
type GuestCode = { readonly [Name in keyof GuestTexts]: KernelCode }

/** A context of a living isolate leaves something behind. */
const REALMS_MAX = 50

/**
 * A text of the kernel's, with the code that the engine made of it: the first isolate compiles, the others take it over. The code
 * never comes from outside this process.
 */
export class KernelCode {
  readonly #text: string
  #cached: ivm.ExternalCopy<ArrayBuffer> | undefined

  constructor(text: string) {
    this.#text = text
  }

  /** Every function is compiled, so that none is left to be compiled between a request and its reply. */
  compile(isolate: ivm.Isolate): ivm.Script {
    const cached = this.#cached
    // The engine refuses code that was made under other flags.
    setFlagsFromString('--no-lazy')
    const script: CompiledScript = isolate.compileScriptSync(this.#text, {
      filename: 'kernel.js',
      ...(cached === undefined ? { produceCachedData: true } : { cachedData: cached }),
    })
    setFlagsFromString('--lazy')
    this.#cached ??= script.cachedData
    return script
  }
}

/** One isolate of the engine, with a heap limit. Its realms serve one run after the other, never two at once. */
export class GuestIsolate implements Home {
  readonly memoryMb: number
  readonly #isolate: ivm.Isolate
  readonly #kernel: ivm.Script
  readonly #code: GuestCode
  #web: ivm.Script | undefined
  readonly #guard: Guard
  #realmsMade = 0

  constructor(memoryMb: number, code: GuestCode, guard: Guard) {
    this.memoryMb = memoryMb
    this.#guard = guard
    this.#code = code
    this.#isolate = new ivm.Isolate({ memoryLimit: memoryMb })
    this.#kernel = code.kernel.compile(this.#isolate)
  }

  get isUsed(): boolean {
    return this.#realmsMade > 1
  }

  get isWorn(): boolean {
    return this.isDisposed || this.#realmsMade >= REALMS_MAX
  }

  get isDisposed(): boolean {
    return this.#isolate.isDisposed
  }

  makeRealm(): GuestRealm {
    this.#realmsMade += 1
    return new GuestRealm(this, this.#isolate, this.#kernel, this.#guard)
  }

  webScript(): ivm.Script {
    this.#web ??= this.#code.web.compile(this.#isolate)
    return this.#web
  }

  dispose(): void {
    if (!this.isDisposed) this.#isolate.dispose()
  }
}
