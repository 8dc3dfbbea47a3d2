import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bundleKernel } from '../../src/build/bundle.ts'
import { root } from '../conventions/project.ts'

const REACHES_OUT = `import { readFileSync } from 'node:fs'
import { MathFloor } from '../../runtime/kernel/primordials.ts'
import { encodeFrame } from '../../src/cage/port.ts'
export const reachOut = [readFileSync, MathFloor, encodeFrame]`

describe('the bundle of the kernel', () => {
  it('is one script without imports', async () => {
    const text = await bundleKernel(root)
    expect(text).not.toMatch(/\b(import|require)\s*[({'"]/)
    expect(text.length).toBeLessThan(64 * 1024)
  })

  it('cannot be made when a file imports something from outside runtime/: the message names it and what to do', async () => {
    mkdirSync(join(root, 'dist', 'weak'), { recursive: true })
    const entry = join(root, 'dist', 'weak', 'reaches-out.ts')
    writeFileSync(entry, REACHES_OUT)
    const failure = await bundleKernel(root, { entry }).catch((error: unknown) => (error as Error).message)
    expect(failure).toContain("dist/weak/reaches-out.ts imports 'node:fs'")
    expect(failure).toContain("dist/weak/reaches-out.ts imports '../../src/cage/port.ts'")
    expect(failure).toContain('runtime/abi/')
    expect(failure).not.toContain("imports '../../runtime")
  })
})
