type Message = { to: string; subject: string; body: string }
type Capabilities = { tools: { send_email(message: Message): Promise<{ id: string }> } }
type Output = { sent: string[]; refused: string[] }

/** Sends each message; a refusal of one does not keep the others back. */
export default async (messages: Message[], { tools }: Capabilities): Promise<Output> => {
  const output: Output = { sent: [], refused: [] }
  for (const message of messages) {
    try {
      output.sent.push((await tools.send_email(message)).id)
    } catch (error) {
      output.refused.push((error as { code: string }).code)
    }
  }
  return output
}
