/** Text of a policy inside a declaration: nothing in it ends a comment or a line, and everything can be seen. */

/** Control, format (bidirectional overrides among them), lone surrogate, private and unassigned; separators; odd spaces. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu
const UNSEEN_BUT_LINES = /(?!\n)[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu

const WIDTH = 118
const SENTENCE_SIZE_MAX = 2000

const escapeOne = (character: string): string => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`

/** Plain text for a comment, on one line. */
export function commentText(text: string): string {
  const cut = text.length > SENTENCE_SIZE_MAX ? `${text.slice(0, SENTENCE_SIZE_MAX)}…` : text
  return cut.replace(UNSEEN, escapeOne).replaceAll('*/', '*\\/')
}

/** Code whose literals may hold what cannot be seen: it stands there as an escape, which means the same. */
export const codeText = (code: string): string => code.replace(UNSEEN_BUT_LINES, escapeOne)

/** A doc comment of these sentences, as lines; none without a sentence. */
export function docComment(sentences: readonly string[], indent = ''): readonly string[] {
  const lines = sentences
    .flatMap((one) => wrap(commentText(one), WIDTH - indent.length - 3))
    // At the beginning of a line it would be a tag, which editors act upon.
    .map((line) => line.replace(/^( *)@/u, '$1\\@'))
  if (lines.length === 0) return []
  const [only = ''] = lines
  if (lines.length === 1 && only.length + indent.length + 7 <= WIDTH) return [`${indent}/** ${only} */`]
  return [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`), `${indent} */`]
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length >= width) {
      lines.push(line)
      line = `  ${word}`
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
