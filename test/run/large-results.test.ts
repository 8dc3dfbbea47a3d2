import { expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool } from '../../src/index.ts'
import { openGateOf } from './gates.ts'

it('a tool that lets large results go is not charged for what the cage needed to hand them over', async () => {
  const text = 'a'.repeat(1_000_000)
  const fetchText = defineTool({
    name: 'fetch_text',
    description: 'Returns a megabyte.',
    input: z.strictObject({}),
    output: z.string(),
    effect: 'read',
    perform: async () => text,
  })
  const gate = await openGateOf({ tools: [fetchText] })
  const { status, value, error } = await gate.run({
    code: `export default async (_, { tools }) => {
      let size = 0
      for (let n = 0; n < 120; n += 1) size += (await tools.fetch_text({})).length
      return size
    }`,
    policy: {
      permissions: { tools: { fetch_text: { ask: 'never' } } },
      limits: { max_tool_calls: 200, max_duration_seconds: 60, max_memory_mb: 32 },
    },
  })
  await gate.close()
  expect([status, value, error]).toEqual(['done', 120_000_000, undefined])
})
