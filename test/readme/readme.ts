/** The README of the project, taken apart. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkout } from '../harness/command-line.ts'

export const readme = readFileSync(join(checkout, 'README.md'), 'utf8')

export type Block = { readonly language: string; readonly text: string }

/** Every code block, in order. */
export const blocks: readonly Block[] = [...readme.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(
  ([, language = '', text = '']) => ({
    language,
    text,
  }),
)

/** The blocks whose first line names a file, by that name. */
export const namedFiles: Readonly<Record<string, string>> = Object.fromEntries(
  blocks.flatMap(({ text }) => {
    const [, name] = /^(?:\/\/|#) ([\w-]+\.\w+)\n/.exec(text) ?? []
    return name === undefined ? [] : [[name, text]]
  }),
)

/** The lines of every `sh` block, comments taken off. */
export const commands: readonly string[] = blocks
  .filter(({ language }) => language === 'sh')
  .flatMap(({ text }) => text.replaceAll('\\\n', '').split('\n'))
  .map((line) => line.replace(/ +# .*$/, '').trim())
  .filter((line) => line !== '')

/** The text under a heading, up to the next one of its level or above. */
export const section = (title: string): string => {
  const start = readme.indexOf(`\n## ${title}\n`)
  if (start === -1) throw new Error(`The README has no section ${title}.`)
  const end = readme.indexOf('\n## ', start + 1)
  return readme.slice(start, end === -1 ? undefined : end)
}

/** The rows of every table in a text, each as its cells; heads left out. */
export const tableRows = (text: string): readonly (readonly string[])[] =>
  [...text.matchAll(/^\| ?-+.*\n((?:\|.*\n)*)/gm)].flatMap(([, rows = '']) =>
    rows
      .trimEnd()
      .split('\n')
      .filter((row) => row !== '')
      .map((row) =>
        row
          .split(/(?<!\\)\|/)
          .slice(1, -1)
          .map((cell) => cell.trim()),
      ),
  )

/** The names in backticks in a text. */
export const codeNames = (text: string): string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
