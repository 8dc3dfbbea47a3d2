import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { FRAME_VERSION } from '../../runtime/abi/frames.ts'
import { launchCage } from '../../src/cage/launch.ts'
import { bestTier } from '../../src/cage/probe.ts'

/** Processes that hold the mark in their command line, whoever their parent is by now. */
const marked = (mark: string): string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(mark)
    } catch {
      return false
    }
  })

it('a cage that is killed at any moment of its start leaves no process behind, and says that it has ended', async () => {
  const mark = `early-kill-${process.pid}`
  for (let afterMs = 0; afterMs < 60; afterMs += 2) {
    const cage = launchCage({ tier: bestTier(), argument: mark })
    cage.send({ t: 'hello', v: FRAME_VERSION, memoryMb: 64 })
    const ended = new Promise<void>((resolve) => {
      cage.onExit = () => resolve()
    })
    setTimeout(() => cage.kill(), afterMs)
    await ended
  }
  await expect.poll(() => marked(mark), { timeout: 5_000 }).toEqual([])
})
