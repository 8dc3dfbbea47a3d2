import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { README_LINES_MAX, tooLongFile } from './inspect/lengths.ts'
import { filesBelow, isFolder, read, root } from './project.ts'

const children = (folder: string): string[] =>
  isFolder(join(root, folder))
    ? readdirSync(join(root, folder))
        .map((name) => `${folder}/${name}`)
        .filter((path) => isFolder(join(root, path)) && filesBelow(path).length > 0)
    : []

/** Each folder is a chapter of its own: those of src/ and runtime/, and each capability and surface. */
const chapters = ['runtime', 'src', 'src/capabilities', 'src/surfaces'].flatMap(children)

it('every folder of src/ and runtime/ explains itself in a README', () => {
  expect(chapters.length).toBeGreaterThan(5)
  expect(
    chapters.filter(
      (folder) => statSync(join(root, folder, 'README.md'), { throwIfNoEntry: false }) === undefined,
    ),
  ).toEqual([])
})

it('a README of a folder has at most 60 lines', () => {
  const readmes = filesBelow('runtime', 'src').filter((path) => path.endsWith('/README.md'))
  expect(readmes.flatMap((path) => tooLongFile(path, read(path), README_LINES_MAX))).toEqual([])
  expect(tooLongFile('README.md', 'line\n'.repeat(61), README_LINES_MAX)).toHaveLength(1)
})
