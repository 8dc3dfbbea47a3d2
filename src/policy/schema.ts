import * as z from 'zod'
import type { Capability } from '../capabilities/capability.ts'
import { costAlertsSchema, limitsSchema, pricesSchema } from './limits-schema.ts'
import { notBuilt, off, PERMISSIONS_NOT_BUILT } from './not-built.ts'
import { TIERS } from './compiled.ts'
import { secretsSchema } from './secrets-schema.ts'

const LINE = /^[^\p{Cc}\p{Cf}\u2028\u2029]*$/u
// Checked by functions, for a pattern in the JSON Schema would be read without its flags.
const line = (sizeMax: number) =>
  z
    .string()
    .min(1)
    .max(sizeMax)
    .refine((text) => LINE.test(text), 'must be one line without control characters')

const DAY_SECONDS = 86_400

const approvalSchema = z.strictObject({
  ttl_seconds: z
    .number()
    .min(1)
    .max(30 * DAY_SECONDS)
    .default(DAY_SECONDS)
    .describe('How long an approval ticket can be decided.'),
  requester_may_approve: z
    .boolean()
    .default(false)
    .describe('Whether the principal of the run may approve its calls.'),
  approvers: z.literal(1, notBuilt('1')).default(1).describe('How many humans must approve.'),
  hold_seconds: off([null], 'How long a run waits for a decision before it is laid aside.'),
  notify: off([null, '[]'], 'Who is told of a ticket.'),
})

const outputSchema = z.strictObject({
  redact: z
    .array(z.literal('secrets', notBuilt('secrets')))
    .optional()
    .describe('What is redacted; secrets always are.'),
  sanitize: off([null, false], 'Cleaning of answers.'),
  spotlight: off([null, false], 'Marking of answers as data.'),
  classifiers: off([null, '[]'], 'Classifiers of answers.'),
  on_classifier_error: off([null], 'What happens when a classifier fails.'),
})

const securitySchema = z.strictObject({
  min_tier: z
    .enum(TIERS)
    .nullable()
    .optional()
    .describe('The least hardening that a cage must have; where it cannot be had, nothing runs.'),
  profile: z
    .enum(['default', 'strict'])
    .nullable()
    .default('default')
    .describe(
      'strict: no machine code is made from the code of the tool; numeric loops are 7 to 9 times slower.',
    ),
  require_deployment: off([null, false], 'Whether only deployments may run.'),
  accepts_code: off([null, true], 'Whether a request may bring its own code.'),
})

const permissionsSchema = (capabilities: readonly Capability[]) => {
  const granted = capabilities.map(({ name, schema }) => {
    const what = schema.description ?? `What the tool may do over ${name}; absent or null: nothing.`
    return [name, schema.nullable().optional().describe(what)] as const
  })
  const dbWrite = z
    .boolean()
    .nullable()
    .optional()
    .describe('Whether db entries may write; false, the default, wins over every write grant.')
  return z.strictObject({
    ...PERMISSIONS_NOT_BUILT,
    db_write: dbWrite,
    ...Object.fromEntries(granted),
  })
}

/**
 * The schema of the whole document: strict at every level, so that a misspelt key is an error and never means "no limit".
 * Each capability brings the schema of its own entry. The output has every default filled in.
 */
export const policySchema = (capabilities: readonly Capability[]) =>
  z.strictObject({
    version: z.literal(1).default(1).describe('Version of the policy language.'),
    name: line(100).optional().describe('A name for people.'),
    model: line(200).optional().describe('The model that the tool works for. Recorded, not enforced.'),
    permissions: permissionsSchema(capabilities)
      .nullable()
      .default(null)
      .describe('What the tool may do. Absent = not granted.'),
    secrets: secretsSchema,
    limits: limitsSchema.prefault({}).describe('Ceilings. Each holds for a run and for its task.'),
    cost_alerts: costAlertsSchema,
    prices: pricesSchema
      .prefault({})
      .describe('What a run is charged beside what its calls cost themselves.'),
    human_in_loop: z
      .array(line(300))
      .max(1000)
      .default([])
      .describe(
        'Actions that a human must approve, beside those that ask by default. Naming an action does not grant it.',
      ),
    approval: approvalSchema.prefault({}).describe('How approvals work.'),
    budgets: off([null, '[]'], 'Budgets beyond the task.'),
    flows: off([null, '[]'], 'What may happen after a label was read.'),
    declassify: off([null, '[]'], 'Rules that take a label away.'),
    output: outputSchema.nullable().optional().describe('What happens to answers before the tool sees them.'),
    security: securitySchema.nullable().optional().describe('Demands on the cage.'),
  })

export type PolicyDocument = z.output<ReturnType<typeof policySchema>>

/** Whether databases may be written at all. */
export const mayWriteDb = ({ permissions }: PolicyDocument): boolean =>
  (permissions as { db_write?: unknown } | null)?.db_write === true
