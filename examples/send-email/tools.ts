/** The operator's side: a host tool that sends mail. The command line takes this module with `--tools`. */
import { defineTool } from 'tollgate'
import { z } from 'zod'

/** What was sent; a real tool would hand it to a mail server. */
export const outbox: unknown[] = []

export const sendEmail = defineTool({
  name: 'send_email',
  description: 'Sends one e-mail.',
  input: z.strictObject({
    to: z.email(),
    subject: z.string().max(200),
    body: z.string().max(10_000),
  }),
  output: z.strictObject({ id: z.string() }),
  effect: 'irreversible',
  category: 'message',
  costUsd: 0.001,
  perform(message) {
    outbox.push(message)
    return { id: `mail-${outbox.length}` }
  },
})
