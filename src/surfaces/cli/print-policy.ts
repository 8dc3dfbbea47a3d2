import {
  formatProblem,
  type PolicyCheck,
  type PolicyExplanation,
  type PolicyProblem,
  type PolicyWarning,
} from '../../policy.ts'
import { cut, printable } from './printable.ts'
import type { Style } from './style.ts'
import { formatCount } from './units.ts'

const REMARKS_MAX = 200
const TEXT_SIZE_MAX = 1000

/** What `check` found, for people. All text in it is printable. */
export const checkLines = (file: string, check: PolicyCheck, style: Style): string[] => {
  const { ok, digest, problems, warnings } = check
  const name = printable(file)
  if (!ok) {
    const head = `${style.paint(['bold', 'red'], '✖')} ${name} has ${formatCount(problems.length, 'problem')}`
    return [head, ...remarkLines(problems)]
  }
  const odd = warnings.length === 0 ? '' : `, with ${formatCount(warnings.length, 'warning')}`
  return [
    `${style.paint(['bold', 'green'], '✔')} ${name} is a valid policy${odd}`,
    ...remarkLines(warnings),
    style.paint('dim', `policy ${digest ?? ''}`),
  ]
}

type Remark = PolicyProblem | PolicyWarning

const remarkTexts = (remarks: readonly Remark[]): string[] => {
  const texts = remarks
    .slice(0, REMARKS_MAX)
    .map((remark) => printable(cut(formatProblem(remark), TEXT_SIZE_MAX)))
  const left = remarks.length - REMARKS_MAX
  return left > 0 ? [...texts, `and ${left} more`] : texts
}

/** One line for each, however long: tools search in it. */
const remarkLines = (remarks: readonly Remark[]): string[] => remarkTexts(remarks).map((text) => `  ${text}`)

/** A policy in plain words. All text in it is printable. */
export const explanationLines = (explanation: PolicyExplanation, style: Style): string[] => {
  const { name = 'A policy without a name', model, digest, sections, warnings } = explanation
  const section = (title: string, texts: readonly string[]): string[] =>
    texts.length === 0 ? [] : ['', title, ...texts.flatMap((text) => itemLines(text, style))]
  return [
    style.paint('bold', printable(model === undefined ? name : `${name}, for ${model}`)),
    ...sections.flatMap(({ title, sentences }) =>
      section(style.paint('bold', printable(title)), sentences.map(printable)),
    ),
    ...section(style.paint(['bold', 'yellow'], 'Warnings'), remarkTexts(warnings)),
    '',
    style.paint('dim', `policy ${digest}`),
  ]
}

/** One item of a list, wrapped between words to the width of the stream. */
const itemLines = (text: string, { columns }: Style): string[] => {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (line !== '' && [...longer].length > columns - 4) {
      lines.push(line)
      line = word
    } else line = longer
  }
  return [...lines, line].map((one, at) => (at === 0 ? `  · ${one}` : `    ${one}`))
}
