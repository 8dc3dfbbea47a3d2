/** A secret in every form in which a server might hand it back, written independently of what redacts them. */

const hex = (text: string): string => Buffer.from(text).toString('hex')
const jsonInside = (text: string): string => JSON.stringify(text).slice(1, -1)
const eachUnit = (text: string, write: (code: number) => string): string =>
  Array.from({ length: text.length }, (_, at) => write(text.charCodeAt(at))).join('')

/** By the name of the form. */
export const writtenForms = (secret: string): Readonly<Record<string, string>> => ({
  raw: secret,
  'in lower case': secret.toLowerCase(),
  base64: Buffer.from(secret).toString('base64'),
  'base64 after one byte': Buffer.from(`x${secret}x`).toString('base64'),
  'base64 after two bytes': Buffer.from(`xx${secret}x`).toString('base64'),
  'base64 of a header': Buffer.from(`Bearer ${secret}`).toString('base64'),
  base64url: Buffer.from(secret).toString('base64url'),
  hex: hex(secret),
  'hex in upper case': hex(secret).toUpperCase(),
  'percent-encoded': encodeURIComponent(secret),
  'percent-encoded, every byte': hex(secret).replaceAll(/../g, '%$&'),
  'a form field': new URLSearchParams({ q: secret }).toString(),
  'JSON-escaped': JSON.stringify({ q: secret }),
  'JSON-escaped twice': JSON.stringify(JSON.stringify({ q: secret })),
  'JSON-escaped, every character': eachUnit(secret, (code) => `\\u${code.toString(16).padStart(4, '0')}`),
  'with escaped slashes': jsonInside(secret).replaceAll('/', '\\/'),
  'in HTML': secret
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;'),
  'in HTML, by number': eachUnit(secret, (code) => `&#${code};`),
})

/** The parts of a form that say it all; of base64 what does not depend on its neighbours. */
const tells = (secret: string): readonly string[] => {
  const cores = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), Buffer.from(secret)]).toString('base64')
    return encoded.slice(shift + 1, -4)
  })
  const { raw = '', hex: digits = '', ...rest } = writtenForms(secret)
  const exact = Object.entries(rest).filter(([name]) => !name.startsWith('base64'))
  const texts = [
    raw,
    digits,
    ...cores,
    ...cores.map((core) => core.replaceAll('+', '-').replaceAll('/', '_')),
    ...exact.map(([, text]) => text),
  ]
  return texts.flatMap((text) => [text, jsonInside(text), jsonInside(jsonInside(text))])
}

/** Every form of a secret that stands in a text, in whatever case it is written. */
export const formsIn = (text: string, secret: string): readonly string[] => {
  const lower = text.toLowerCase()
  return [...new Set(tells(secret))].filter((form) => lower.includes(form.toLowerCase()))
}

/** The longest beginning of a secret that stands in a text. */
export const longestBeginning = (text: string, secret: string): string => {
  const lower = text.toLowerCase()
  for (let size = secret.length; size > 0; size -= 1) {
    const beginning = secret.slice(0, size).toLowerCase()
    if (lower.includes(beginning) || lower.includes(jsonInside(beginning))) return beginning
  }
  return ''
}
