/** What a principal may keep. Bytes are those of keys and JSON in UTF-8. */
export type KvQuota = { readonly bytesMax: number; readonly keysMax: number }

/** The store as this capability is handed it. Every method sees only what is the principal's; each is one transaction. */
export interface KvPower {
  /** JSON text, or undefined. */
  get(principal: string, key: string): string | undefined
  /** Keeps the value unless that would pass the quota; then it names which. */
  put(principal: string, key: string, json: string, quota: KvQuota): 'kept' | 'bytes' | 'keys'
  /** Whether there was such a key. */
  delete(principal: string, key: string): boolean
  /** Keys that begin with `prefix` and come after `after`, in the order of their UTF-8 bytes. */
  list(principal: string, prefix: string, after: string, limit: number): readonly string[]
}
