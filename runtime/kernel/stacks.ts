import { TOOL_FILE } from '../abi/inside.ts'
import {
  ErrorClass,
  isObject,
  ObjectDefineProperty,
  ReflectGetPrototypeOf,
  uncurryThis,
} from './primordials.ts'

const FRAMES_MAX = 32

type Site = object
type Reader<Result> = (site: Site) => Result
type PreparableError = ErrorConstructor & { prepareStackTrace?: unknown }

/** Captures methods of V8's call sites: they can be had only from a stack, so one is made here. */
const siteReader = (): (<Result>(name: string) => Reader<Result>) => {
  const preparable = ErrorClass as PreparableError
  preparable.prepareStackTrace = (_error: unknown, sites: readonly Site[]) => sites
  const { stack } = new ErrorClass() as unknown as { stack: readonly Site[] }
  delete preparable.prepareStackTrace
  const prototype = ReflectGetPrototypeOf(stack[0] as Site) as Record<string, () => unknown>
  return <Result>(name: string) => uncurryThis(prototype[name] as () => unknown) as Reader<Result>
}

/** `name: message` of an error, as V8 writes it; never throws. */
export const errorHeader = (error: unknown): string => {
  try {
    const { name, message } = error as { name: unknown; message: unknown }
    const kind = typeof name === 'string' ? name : 'Error'
    if (typeof message !== 'string' || message === '') return kind
    return kind === '' ? message : `${kind}: ${message}`
  } catch {
    return 'Error'
  }
}

/**
 * Makes `error.stack` show the tool's own lines and nothing of the kernel, and keeps V8's call sites (which lead to functions
 * and receivers) from the guest: what the guest assigns to Error.prepareStackTrace is dropped.
 */
export const closeStacks = (): void => {
  const reader = siteReader()
  const fileOf = reader<string | undefined>('getFileName')
  const functionOf = reader<string | null>('getFunctionName')
  const lineOf = reader<number | null>('getLineNumber')
  const columnOf = reader<number | null>('getColumnNumber')
  const isAsync = reader<boolean>('isAsync')
  const isConstructor = reader<boolean>('isConstructor')
  const line = (site: Site): string => {
    const name = functionOf(site)
    const place = `${TOOL_FILE}:${lineOf(site) ?? 0}:${columnOf(site) ?? 0}`
    const prefix = isAsync(site) ? 'async ' : isConstructor(site) ? 'new ' : ''
    return typeof name === 'string' && name !== '' ? `${prefix}${name} (${place})` : prefix + place
  }
  const prepare = (error: unknown, sites: readonly Site[]): string => {
    let text = isObject(error) ? errorHeader(error) : 'Error'
    for (let i = 0; i < sites.length && i < FRAMES_MAX; i += 1) {
      const site = sites[i]
      if (site !== undefined && isObject(site) && fileOf(site) === TOOL_FILE) text += `\n    at ${line(site)}`
    }
    return text
  }
  ObjectDefineProperty(ErrorClass, 'prepareStackTrace', {
    get: () => prepare,
    set: () => undefined,
    enumerable: false,
    configurable: false,
  })
}
