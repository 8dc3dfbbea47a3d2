import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { probeTiers } from '../../src/cage/probe.ts'
import { startProgram } from '../harness/command-line.ts'

/** Processes that hold the mark in their command line, whoever their parent is by now. */
const marked = (mark: string): string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(mark)
    } catch {
      return false
    }
  })

const tiers = probeTiers().flatMap((state) => (state.available ? [state.tier] : []))

it.each(tiers)(
  'a cage that hears nothing any more ends with its host, however the host ends: %s',
  async (tier) => {
    const mark = `host-gone-${tier}-${process.pid}`
    const [host, entry] = ['cage-host.ts', 'deaf-cage.mjs'].map((name) => join(import.meta.dirname, name))
    const started = startProgram(process.execPath, [host ?? '', entry ?? '', tier, mark])
    await started.until(/started/)
    expect(marked(mark).length).toBeGreaterThan(1)
    started.kill('SIGKILL')
    await started.ended
    await expect.poll(() => marked(mark), { timeout: 5_000 }).toEqual([])
  },
)
