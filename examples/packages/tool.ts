import { marked } from 'marked'
import { stringify } from 'yaml'
import * as z from 'zod'
import { linesOf } from './lines.ts'

const Note = z.object({ title: z.string().min(1), text: z.string(), page: z.string() })
type Input = { feed: string; limit: number }
type Output = { index: string; html: string }

/** Reads a feed of notes, one JSON document a line, while it arrives; returns an index as YAML and the notes as HTML. */
export default async ({ feed, limit }: Input): Promise<Output> => {
  const url = new URL(feed)
  url.searchParams.set('limit', String(limit))
  const { body } = await fetch(url)
  const index: { title: string; page: string }[] = []
  let html = ''
  if (body === null) return { index: '', html }
  for await (const line of linesOf(body)) {
    const { title, text, page } = Note.parse(JSON.parse(line))
    index.push({ title, page: new URL(page, url).pathname })
    html += marked.parse(`## ${title}\n\n${text}`, { async: false })
  }
  return { index: stringify(index), html }
}
