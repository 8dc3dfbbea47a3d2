import * as z from 'zod'
import { TIERS } from '../cage/tiers.ts'
import { assembleTollgate } from './assemble.ts'
import type { Tollgate, TollgateOptions } from './options.ts'
import { openParts, type TollgateParts } from './parts.ts'
import { powersOf } from './powers.ts'
import { mustParse } from './prepare.ts'

const callback = z.custom<(...args: never[]) => unknown>(
  (value) => typeof value === 'function',
  'must be a function',
)
const tool = z.custom<object>(
  (value) => typeof value === 'object' && value !== null,
  'must be made with defineTool()',
)
const optionsSchema = z.strictObject({
  state: z.string().min(1).optional(),
  tools: z.array(tool).optional(),
  approve: callback.optional(),
  auditLog: z.string().min(1).optional(),
  powers: z.object({}).optional(),
  minTier: z.enum(TIERS).optional(),
  spareCages: z.int().min(0).max(64).optional(),
  memoryMbMax: z.int().min(64).optional(),
  concurrentRunsMax: z.int().min(1).max(1024).optional(),
  secrets: callback.optional(),
  onEvent: callback.optional(),
})

/**
 * Opens a Tollgate: a state folder, a pool of cages, and the host tools that policies may grant. Close it, or declare it with
 * `await using`. Throws CONFIG_USAGE, CONFIG_STATE_UNUSABLE.
 */
export async function createTollgate(options: TollgateOptions = {}): Promise<Tollgate> {
  mustParse(optionsSchema, options, 'createTollgate()')
  const parts = openParts(options)
  await recover(parts)
  return assembleTollgate(parts)
}

/** What an ended host left half done is finished before anything else; what cannot be finished yet is told, and tried again later. */
async function recover({ setting: { capabilities, powers } }: TollgateParts): Promise<void> {
  for (const capability of capabilities.values()) {
    const remarks = (await capability.recover?.(powersOf(powers, capability.name))) ?? []
    for (const remark of remarks) process.emitWarning(remark, 'TollgateWarning')
  }
}
