import * as z from 'zod'
import { EFFECTS } from '../../../runtime/abi/ops.ts'
import { CATEGORIES } from '../capability.ts'
import { argumentsOf, type HostTool } from '../host-tool.ts'

const argumentRule = z
  .strictObject({
    pattern: z
      .string()
      .min(1)
      .max(512)
      .optional()
      .describe('glob that the text, or each text of a list, must match'),
    one_of: z
      .array(z.union([z.string(), z.number(), z.boolean()]))
      .optional()
      .describe('the only values allowed'),
  })
  .refine((rule) => rule.pattern !== undefined || rule.one_of !== undefined, 'give pattern or one_of')

const toolGrant = z.strictObject({
  max_calls: z
    .int()
    .min(0)
    .max(1_000_000)
    .optional()
    .describe('calls of this tool in a task; default no limit but limits.max_tool_calls'),
  ask: z
    .enum(['always', 'never', 'once_per_run'])
    .optional()
    .describe('when a human must approve; default by effect and category'),
  args: z
    .record(z.string().min(1), argumentRule)
    .optional()
    .describe('what single arguments may be; one that is named here must be given'),
  secrets: z
    .record(z.string().min(1).max(64), z.string().min(1))
    .optional()
    .describe(
      'arguments that the host fills with a secret, by its name under secrets; the guest neither gives nor sees them',
    ),
  cost_usd: z
    .number()
    .min(0)
    .max(1_000_000)
    .optional()
    .describe('price of one call; raises the price that the tool declares'),
  effect: z.enum(EFFECTS).optional().describe('raises the effect that the tool declares'),
  category: z.array(z.enum(CATEGORIES)).optional().describe('adds to the categories that the tool declares'),
})

/** `permissions.tools`: host tools by name. */
export const toolsSchema = z
  .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/u, 'must be the name of a host tool'), toolGrant)
  .describe('Functions of the host that the tool may call, by name.')

export type ToolsDocument = z.output<typeof toolsSchema>
export type ToolGrantDocument = z.output<typeof toolGrant>

/**
 * The schema where the tools of the host are known: every name is checked, of tools and of their arguments. A misspelt
 * argument would otherwise leave the argument that was meant free.
 */
export const schemaForTools = (known: ReadonlyMap<string, HostTool>): z.ZodType<ToolsDocument> =>
  toolsSchema.superRefine((document, refinement) => {
    const report = (path: string[], message: string, candidates: Iterable<string>, code?: string): void =>
      refinement.addIssue({ code: 'custom', path, message, params: { candidates: [...candidates], code } })
    for (const [name, { args = {}, secrets = {} }] of Object.entries(document)) {
      const tool = known.get(name)
      if (tool === undefined) {
        report([name], 'the host has no tool of that name', known.keys(), 'CONFIG_HOST_TOOL_UNKNOWN')
        continue
      }
      const { names, closed } = argumentsOf(tool)
      for (const argument of Object.keys(args)) {
        if (closed && !names.has(argument))
          report([name, 'args', argument], `is no argument of ${name}`, names)
      }
      for (const argument of Object.keys(secrets)) {
        if (!names.has(argument)) report([name, 'secrets', argument], `is no argument of ${name}`, names)
      }
    }
  })
