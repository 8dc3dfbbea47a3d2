import { expect, it } from 'vitest'
import { newRunId } from '../../src/run/run-id.ts'

it('run ids are UUIDs of version 7, sort by time, and do not repeat', () => {
  const atMs = 1_700_000_000_000
  const ids = Array.from({ length: 1_000 }, (_, n) => newRunId(atMs + n))
  for (const id of ids)
    expect(id).toMatch(/^run_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(ids.toSorted()).toEqual(ids)
  expect(new Set(Array.from({ length: 1_000 }, () => newRunId(atMs))).size).toBe(1_000)
  expect(Number.parseInt(newRunId(atMs).slice(4).replaceAll('-', '').slice(0, 12), 16)).toBe(atMs)
})
