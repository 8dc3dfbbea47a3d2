import * as z from 'zod'

/** Children are processes of their own, so a policy cannot ask for more of them than a machine has. */
const CHILDREN_MAX = 64
const DEPTH_MAX = 4

const granted = z.strictObject({
  max_children: z
    .int()
    .min(1)
    .max(CHILDREN_MAX)
    .default(4)
    .describe('child isolates that a run may start in all, those of its children and quarantines included'),
  max_depth: z
    .int()
    .min(1)
    .max(DEPTH_MAX)
    .default(1)
    .describe('1: a child starts no children; 2: it may, where it was given exec; and so on'),
  quarantine: z
    .boolean()
    .default(false)
    .describe(
      'whether exec.quarantine is there: code without any capability, and a result that fits a schema',
    ),
})

/** `permissions.code_exec`: false, or how many child isolates there may be. */
export const execSchema = z
  .union([z.literal(false), granted])
  .describe('Whether the tool may run code of its own, in child isolates; false: no code but its own text.')

export type ExecDocument = z.output<typeof granted>
