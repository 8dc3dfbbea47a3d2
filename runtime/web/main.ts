/**
 * The web classes. This script is evaluated in the locked realm before any guest code, and only for a tool whose text names one
 * of them; of its parts only those run that are named. What it takes from the language it takes then.
 */
import { WEB_GLOBAL, WEB_PARTS, type WebPart } from '../abi/web-names.ts'
import {
  define,
  GLOBAL,
  ObjectDefineProperty,
  ReflectDeleteProperty,
  ReflectGetOwnPropertyDescriptor,
} from '../kernel/primordials.ts'
import type { makeFetchClasses } from './fetch.ts'
import type { InstallWeb } from './powers.ts'

/** The bundler makes of it a module that is evaluated when it is first asked for. */
declare const require: (path: string) => unknown

type Exports = Readonly<Record<string, unknown>>

/** What other parts need before they are evaluated. */
const NEEDS: Partial<Record<WebPart, readonly WebPart[]>> = {
  encoding: ['streams'],
  streams: ['events'],
  fetch: ['events', 'url', 'streams'],
}

const install: InstallWeb = (named, request) => {
  const loaders: Record<WebPart, () => Exports> = {
    base: () => require('./base.ts') as Exports,
    encoding: () => require('./encoding.ts') as Exports,
    events: () => require('./events.ts') as Exports,
    fetch: () =>
      (require('./fetch.ts') as { readonly makeFetchClasses: typeof makeFetchClasses }).makeFetchClasses(
        request,
      ),
    streams: () => require('./streams.ts') as Exports,
    url: () => require('./url.ts') as Exports,
  }
  // The URL library replaces it, so that its own functions pass for native ones.
  const toString = ReflectGetOwnPropertyDescriptor(Function.prototype, 'toString')
  const done: Partial<Record<WebPart, boolean>> = {}
  const load = (part: WebPart): void => {
    if (done[part] === true) return
    done[part] = true
    for (const needed of NEEDS[part] ?? []) load(needed)
    const made = loaders[part]()
    for (const name of WEB_PARTS[part]) define(GLOBAL, name, made[name])
  }
  for (const part of Object.keys(WEB_PARTS) as WebPart[]) if (named.split(',').includes(part)) load(part)
  if (toString !== undefined) ObjectDefineProperty(Function.prototype, 'toString', toString)
  // The URL library keeps a note of itself where the guest could write in it.
  ReflectDeleteProperty(GLOBAL, '__core-js_shared__')
}

define(GLOBAL, WEB_GLOBAL, install)
