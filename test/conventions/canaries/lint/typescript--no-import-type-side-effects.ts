// breaks: typescript/no-import-type-side-effects
import { type Buffer } from 'node:buffer'
export type Bytes = Buffer
