// breaks: typescript/consistent-type-imports
import { Buffer } from 'node:buffer'
export type Bytes = Buffer
