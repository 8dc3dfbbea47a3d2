/** Text between `<!-- generated: NAME -->` and `<!-- /generated: NAME -->`, by name. */
export type Sections = Readonly<Record<string, string>>

const opening = (name: string): string => `<!-- generated: ${name} -->`
const closing = (name: string): string => `<!-- /generated: ${name} -->`

/** The document with every generated section put in anew. Throws when a section has no place, or a place no section. */
export function fillSections(document: string, sections: Sections): string {
  const places = [...document.matchAll(/^<!-- generated: ([a-z-]+) -->$/gm)].map((match) => match[1] ?? '')
  const unknown = places.filter((name) => !Object.hasOwn(sections, name))
  if (unknown.length > 0)
    throw new Error(`the document asks for sections that nobody makes: ${unknown.join(', ')}`)
  return Object.entries(sections).reduce((text, [name, content]) => fill(text, name, content), document)
}

const fill = (document: string, name: string, content: string): string => {
  const start = document.indexOf(opening(name))
  const end = document.indexOf(closing(name))
  if (start === -1 || end < start) throw new Error(`the document has no place for the section ${name}`)
  return `${document.slice(0, start + opening(name).length)}\n\n${content.trim()}\n\n${document.slice(end)}`
}

/** A cell of a Markdown table: one line, no unescaped bar. */
export const cell = (text: string): string =>
  text
    .replaceAll('|', '\\|')
    .replaceAll(/\s*\n\s*/g, ' ')
    .trim()

/** A Markdown table. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n')
