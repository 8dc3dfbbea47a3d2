import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Commit, Driver, Grant, Judgement } from '../../src/capabilities/capability.ts'
import type { FilePowers } from '../../src/run/file-powers.ts'
import { filePolicy, openFolder, treeOf } from '../harness/files.ts'
import { filePowers } from '../harness/weak-files.ts'
import { openGateOf, withSetting, type Replace } from '../run/gates.ts'

const FILES = { 'a.md': 'one', 'b.md': 'two', 'gone.md': 'three', 'sub/c.md': 'four', 'old/d.md': 'd' }
const DONE = { 'a.md': 'mine', 'b.md': 'two', 'fresh.md': 'mine', 'sub/': '', 'sub/c.md': 'fourmine' }
const CODE = `
  await fs.readText('/m/a.md')
  await fs.write('/m/a.md', 'mine')
  await fs.append('/m/sub/c.md', 'mine')
  await fs.write('/m/fresh.md', 'mine')
  await fs.remove('/m/gone.md')
  await fs.remove('/m/old/d.md')
  await fs.remove('/m/old')`

type Tried = { meanwhile?: (folder: string) => void; powers?: FilePowers; replace?: Replace }

/** A run whose commit is approved; what `meanwhile` does comes between the question and the answer. */
const commit = async ({ meanwhile, powers = filePowers(), replace }: Tried = {}) => {
  using folder = openFolder(FILES)
  let before: unknown
  const approve = (): boolean => {
    meanwhile?.(folder.path)
    before = treeOf(folder.path)
    return true
  }
  await using gate = await openGateOf({ approve, powers: { filesystem: powers } }, replace)
  const policy = filePolicy([
    { path: '/m', source: folder.path, mode: 'overlay', allow: ['**'], ask: 'always' },
  ])
  const { status, error } = await gate.run({ code: CODE, policy })
  return { status, code: error?.code, gate: error?.gate, before, after: treeOf(folder.path) }
}

it('H46: what is committed is what was approved', async () => {
  expect(await commit()).toMatchObject({ status: 'done', after: DONE })
})

const CHANGES: Readonly<Record<string, (folder: string) => void>> = {
  'a file that is replaced': (folder) => writeFileSync(join(folder, 'a.md'), 'other'),
  'as many bytes of it': (folder) => writeFileSync(join(folder, 'a.md'), 'eno'),
  'a file that is appended to': (folder) => appendFileSync(join(folder, 'sub/c.md'), '!'),
  'a file that is removed': (folder) => writeFileSync(join(folder, 'gone.md'), 'kept'),
  'a file, and it is gone': (folder) => rmSync(join(folder, 'a.md')),
  'a name that was free': (folder) => writeFileSync(join(folder, 'fresh.md'), 'theirs'),
  'a file into a folder': (folder) => {
    rmSync(join(folder, 'a.md'))
    mkdirSync(join(folder, 'a.md'))
  },
  'a folder that is removed': (folder) => writeFileSync(join(folder, 'old/e.md'), 'e'),
  'the folder around a file': (folder) => renameSync(join(folder, 'sub'), join(folder, 'bus')),
}

it.each(Object.entries(CHANGES))(
  'H46: nothing is committed when somebody changed %s',
  async (_, meanwhile) => {
    const { before, after, ...rest } = await commit({ meanwhile })
    expect(rest).toEqual({ status: 'failed', code: 'UPSTREAM_FILE_CHANGED', gate: 'perform' })
    expect(after).toEqual(before)
  },
)

it('H46: a commit that does not see what is there now would replace it', async () => {
  const blind = filePowers((real) => ({
    read: (descriptor, bytesMax) =>
      real.placeOf(descriptor).endsWith('/a.md')
        ? Promise.resolve(Buffer.from('one'))
        : real.read(descriptor, bytesMax),
  }))
  const meanwhile = (folder: string): void => writeFileSync(join(folder, 'a.md'), 'eno')
  expect(await commit({ meanwhile, powers: blind })).toMatchObject({ status: 'done', after: DONE })
})

/** The files capability with another driver around its own. */
const withDriver = (change: (inner: Driver, grant: Grant) => Driver): Replace =>
  withSetting(({ capabilities }) => {
    const files = capabilities.get('filesystem')
    if (files === undefined) throw new Error('there are no files')
    return {
      capabilities: new Map([
        ...capabilities,
        [
          'filesystem',
          { ...files, openDriver: (grant, setting) => change(files.openDriver(grant, setting), grant) },
        ],
      ]),
    }
  })

/** Something more is staged when the commit was approved already. */
const stagesLate = (judged: (commit: Commit | undefined, grant: Grant, approved: Judgement) => Judgement) =>
  withDriver((inner, grant) => ({
    ...inner,
    async perform(judgement, terms) {
      if (judgement.op !== 'fs.commit') return inner.perform(judgement, terms)
      const late = grant.judge('fs.write', { path: '/m/b.md', body: { text: 'late' } })
      await inner.perform(late, terms)
      return inner.perform(judged(inner.staged?.()[0], grant, judgement), terms)
    },
  }))

it('H46: what was staged after the approval is not committed', async () => {
  const replace = stagesLate((_, _grant, approved) => approved)
  const { before, after, ...rest } = await commit({ replace })
  expect(rest).toEqual({ status: 'failed', code: 'APPROVAL_MISMATCH', gate: 'perform' })
  expect(after).toEqual(before)
})

it('H46: a manifest that is made anew for the commit would let it pass', async () => {
  const replace = stagesLate((commit, grant) => grant.judge('fs.commit', commit?.args))
  expect(await commit({ replace })).toMatchObject({ status: 'done', after: { ...DONE, 'b.md': 'late' } })
})
