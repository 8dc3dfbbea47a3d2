import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bannedText } from './inspect/banned-text.ts'
import { undocumented } from './inspect/docstrings.ts'
import { tooLongFile, tooLongFunctions } from './inspect/lengths.ts'
import { leakedPlaces } from './inspect/leaks.ts'
import { bannedFileName, bannedNames } from './inspect/names.ts'
import { canaries, codeFiles, read, textFiles } from './project.ts'

const shipped = codeFiles('runtime', 'src', 'bin')
const proving = codeFiles('test', 'bench', 'examples')
const all = [...shipped, ...proving]
const canary = (name: string): [string, string] => [name, readFileSync(join(canaries, 'code', name), 'utf8')]

describe('the code', () => {
  it('has no file of more than 400 lines', () => {
    expect(all.flatMap((path) => tooLongFile(path, read(path)))).toEqual([])
    expect(tooLongFile(...canary('long-file.ts'))).toEqual(['long-file.ts: 401 lines, at most 400'])
  })

  it('has no function of more than 70 lines', () => {
    expect(all.flatMap((path) => tooLongFunctions(path, read(path)))).toEqual([])
    expect(tooLongFunctions(...canary('long-function.ts'))).toEqual([
      'long-function.ts:1 long: 72 lines, at most 70',
    ])
  })

  it('makes no banned call and gives no unexplained order to the checkers', () => {
    expect(shipped.flatMap((path) => bannedText(path, read(path), true))).toEqual([])
    expect(proving.flatMap((path) => bannedText(path, read(path), false))).toEqual([])
    const found = bannedText(...canary('banned-text.ts'), true).map((problem) =>
      Number(problem.split(':')[1]),
    )
    expect(found.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(bannedText(...canary('innocent-text.ts'), true)).toEqual([])
  })

  it('uses the words of the glossary', () => {
    expect(all.flatMap(bannedFileName)).toEqual([])
    expect(shipped.flatMap((path) => bannedNames(path, read(path)))).toEqual([])
    expect(bannedNames(...canary('banned-names.ts'))).toHaveLength(5)
    const bad = [
      'src/utils/a.ts',
      'src/http/types.ts',
      'src/common/b.ts',
      'test/helpers.ts',
      'src/session.test.ts',
    ]
    expect(bad.filter((path) => bannedFileName(path).length === 0)).toEqual([])
    expect(bannedFileName('src/policy/schema.ts')).toEqual([])
  })

  it('documents every exported function and class', () => {
    expect(shipped.flatMap((path) => undocumented(path, read(path)))).toEqual([])
    const names = undocumented(...canary('undocumented.ts')).map((problem) => problem.split(' ')[1])
    expect(names).toEqual(['silent', 'mute', 'Unsaid'])
  })

  it('names no registry and no place of the machine where it was written', () => {
    const files = textFiles()
    expect(files).toEqual(expect.arrayContaining(['README.md', 'package-lock.json', '.ci/run']))
    expect(files.flatMap((path) => leakedPlaces(path, read(path)))).toEqual([])
    const found = leakedPlaces(...canary('leaks.txt')).map((problem) => Number(problem.split(':')[1]))
    expect(found).toEqual([1, 2, 3, 4])
  })

  it('keeps the broker on one screen', () => {
    const [path] = shipped.filter((file) => file === 'src/broker/broker.ts')
    expect(path).toBe('src/broker/broker.ts')
    expect(tooLongFile('src/broker/broker.ts', read('src/broker/broker.ts'), 250)).toEqual([])
  })
})
