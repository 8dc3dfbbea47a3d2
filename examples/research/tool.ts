/** What the policy of this example grants; the guest holds nothing else. */
type Capabilities = {
  http: { get(url: string): Promise<{ status: number; text(): Promise<string> }> }
}
type Input = { question: string; sources: string[] }
type Finding = { source: string; title: string; sentence: string }
type Output = { question: string; findings: Finding[]; words: number }

const textOf = (html: string): string =>
  html
    .replace(/<(script|style)[\s\S]*?<\/\1>/g, ' ')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()

/** The sentence that shares most words with the question. */
const bestSentence = (text: string, question: string): string => {
  const asked = new Set(question.toLowerCase().match(/[a-z]{4,}/g) ?? [])
  const score = (sentence: string): number =>
    (sentence.toLowerCase().match(/[a-z]{4,}/g) ?? []).filter((word) => asked.has(word)).length
  const sentences = text.match(/[^.!?]+[.!?]/g) ?? [text]
  return sentences.reduce((best, sentence) => (score(sentence) > score(best) ? sentence : best)).trim()
}

/** Reads every source at once and keeps the sentence of each that answers best. */
export default async ({ question, sources }: Input, { http }: Capabilities): Promise<Output> => {
  let words = 0
  const findings = await Promise.all(
    sources.map(async (source): Promise<Finding> => {
      const answer = await http.get(source)
      const html = await answer.text()
      const text = textOf(html.replace(/<title>.*?<\/title>/s, ''))
      words += text.split(' ').length
      console.log(`read ${source}: status ${answer.status}, ${html.length} characters`)
      return {
        source,
        title: /<title>(.*?)<\/title>/s.exec(html)?.[1] ?? 'untitled',
        sentence: bestSentence(text, question),
      }
    }),
  )
  return { question, findings, words }
}
