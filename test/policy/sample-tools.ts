/** The host tools that the rich policy grants; a module for --tools as well. */
import { z } from 'zod'
import { defineTool } from '../../src/capabilities/host-tool.ts'

const sendEmail = defineTool({
  name: 'send_email',
  description: 'Sends a message.',
  input: z.strictObject({
    to: z.union([z.string(), z.array(z.string())]),
    text: z.string(),
    priority: z.string().default('normal'),
  }),
  output: z.null(),
  category: 'message',
  costUsd: 0.0005,
  perform: () => null,
})

const lookupOrder = defineTool({
  name: 'lookup_order',
  description: 'Finds an order.',
  input: z.object({ id: z.string() }),
  output: z.null(),
  effect: 'read',
  perform: () => null,
})

const deleteRecord = defineTool({
  name: 'delete_record',
  description: 'Deletes a record.',
  input: z.object({ id: z.string() }),
  output: z.null(),
  effect: 'write',
  category: ['delete'],
  perform: () => null,
})

/** The host tools that the rich policy grants. */
export const hostTools = [sendEmail, lookupOrder, deleteRecord]
