import { sha256 } from '../digest/sha256.ts'

/** Hash of an audit record: SHA-256 over the previous record's hash and this one's bytes. The first record of a run follows the empty text. */
export const recordHash = (previous: string, record: string): string => sha256(`${previous}\n${record}`)
