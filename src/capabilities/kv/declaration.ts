import type { Declaration } from '../capability.ts'

/** `kv` in TypeScript. `says`: the grant in plain words. */
export const declareKv = (says: readonly string[]): Declaration => ({
  name: 'kv',
  says,
  members: [
    { says: ['Undefined where nothing is kept.'], code: 'get(key: string): Promise<any>' },
    { code: 'put(key: string, value: unknown, options?: CallOptions): Promise<void>' },
    {
      says: ['Whether something was kept.'],
      code: 'delete(key: string, options?: CallOptions): Promise<boolean>',
    },
    {
      says: [
        'Keys in order, 100 unless `limit` (1 to 1000) says more. `after`: the last key of the page before.',
      ],
      code: 'list(prefix?: string, paging?: { limit?: number; after?: string }): Promise<string[]>',
    },
    { code: 'only(caveats?: Caveats & { prefix?: string }): Weaker<Kv>' },
  ],
})
