import { createRequire } from 'node:module'
import type * as Undici from 'undici'

const require = createRequire(import.meta.url)
let loaded: typeof Undici | undefined

/** The HTTP client, loaded by the first request: that takes 60 ms, which who sends none should not wait for. */
export const undici = (): typeof Undici => (loaded ??= require('undici') as typeof Undici)
