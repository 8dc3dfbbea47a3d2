import { afterAll, describe, expect, it } from 'vitest'
import { CageDriver } from '../cage/cage-driver.ts'
import { weakCage } from '../cage/weak-cage.ts'
import { read } from '../conventions/project.ts'

const driver = new CageDriver()
afterAll(() => driver.close())

const ops = ['tools.echo']
const answer = () => ({ value: 1 })

describe('what the guest left rejected', () => {
  const code = `export default async (_, { tools }) => { Promise.reject({ get message() { for (;;); } }); return await tools.echo(1) }`

  it('is never read by the engine, so a getter in it cannot hold the cage', async () => {
    expect(await driver.run({ code, ops, answer, deadlineMs: 2_000 })).toMatchObject({ ok: true, value: 1 })
  })

  it('would hold it if a stretch of guest code simply returned', async () => {
    const weak = new CageDriver(
      await weakCage('returning', {
        'runtime/kernel/segment.ts': 'export const endSegment = () => undefined',
      }),
    )
    const outcome = await weak.run({ code, ops, answer, deadlineMs: 500 })
    weak.close()
    expect(outcome.exit?.signal).toBe('SIGKILL')
  })
})

describe('an error of the cage, made when the stack is used up,', () => {
  const code = `export default async (_, { tools }) => {
    let tries = 0
    const stacks = []
    const dive = () => {
      try { dive() } finally {
        if (tries++ < 3_000) tools.echo(1).catch((error) => stacks.push(error.stack))
      }
    }
    try { dive() } catch (error) { stacks.push(error.stack) }
    await null
    await null
    return stacks.some((stack) => /file:|main\\.js/.test(stack))
  }`

  it('stays outside the guest', async () => {
    expect(await driver.run({ code, ops })).toMatchObject({ ok: true, value: false })
  })

  it('would be the guest’s to see if the door let it through', async () => {
    const throwing = (door: string): string =>
      `${door.replace('export const openDoor = (', 'const openReal = (')}
      export const openDoor = (native) => openReal((...all) => { if (all[0] === 1) throw new Error('file:///host/main.js'); native(...all) })`
    const door = read('runtime/kernel/door.ts')
    const look = 'return await capabilities.tools.echo(1).catch((error) => error.message)'
    for (const [name, text, shown] of [
      ['guarded', door, 'Maximum call stack size exceeded'],
      ['unguarded', door.replace('guardSend(native)', 'native'), 'file:///host/main.js'],
    ] as const) {
      const weak = new CageDriver(await weakCage(name, { 'runtime/kernel/door.ts': throwing(text) }))
      expect(await weak.valueOf(look, { ops })).toBe(shown)
      weak.close()
    }
  })
})
