import { isDeepStrictEqual } from 'node:util'
import { afterAll, expect, it } from 'vitest'
import { CageDriver } from '../../../cage/cage-driver.ts'
import { AREAS, expectedOf, filesOf, readExpectations, releaseOf, runFile } from './suite.ts'

const release = releaseOf()
const { release: expectedRelease, files } = readExpectations()
const driver = new CageDriver()
afterAll(() => driver.close())

const there = release === undefined ? [] : Object.values(AREAS).flatMap((folder) => filesOf(folder))

it('the Web Platform Tests are those of the expectations', ({ skip }) => {
  if (release === undefined && process.env['CI'] === undefined)
    skip('get them with test/runtime/web/platform/get.sh')
  expect(release).toBe(expectedRelease)
  expect(there.length).toBeGreaterThan(90)
  expect(Object.keys(files).toSorted()).toEqual(there.toSorted())
})

it('every failure has a reason', () => {
  const failing = Object.values(files).filter(({ failed }) => failed > 0)
  expect(failing.filter(({ why }) => why === undefined)).toEqual([])
})

it.each(there)('%s: as many pass as are expected to', async (file) => {
  const told = await runFile(driver, file)
  const expected = files[file]
  const now = expectedOf(told, expected?.why)
  expect([now, isDeepStrictEqual(now, expected) ? [] : told.failed]).toEqual([expected, []])
})
