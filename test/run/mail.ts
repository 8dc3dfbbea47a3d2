import { z } from 'zod'
import { defineTool, type HostTool } from '../../src/index.ts'

export type Message = { readonly to: string; readonly body: string }

/** A host tool that sends mail into a list: irreversible, so it asks by default. */
export class Outbox {
  readonly sent: Message[] = []

  readonly tool: HostTool = defineTool({
    name: 'send_email',
    description: 'Sends one e-mail.',
    input: z.strictObject({ to: z.string(), body: z.string() }),
    output: z.strictObject({ id: z.string() }),
    effect: 'irreversible',
    category: 'message',
    costUsd: 0.01,
    perform: (message) => {
      this.sent.push(message)
      return { id: `mail-${this.sent.length}` }
    },
  })
}

/** Grants it, with what else the test says of it. */
export const mailPolicy = (entry: object = {}, rest: object = {}): object => ({
  permissions: { tools: { send_email: entry } },
  ...rest,
})

export const MESSAGE: Message = { to: 'bob@example.com', body: 'The report is ready.' }

/** Sends one message; the value is the id, or code and gate of the refusal. */
export const SEND_ONE = `export default async (message, { tools }) => {
  try {
    return (await tools.send_email(message)).id
  } catch ({ code, gate }) {
    return [code, gate]
  }
}`
