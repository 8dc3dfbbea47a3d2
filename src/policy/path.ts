/** Where something stands in the policy document: keys and list positions, from the root. */
export type PolicyPath = readonly (string | number)[]

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_-]*$/

/** A path as people write it: `permissions.http.allowed_domains[2].methods`. Odd keys are quoted; the root is the empty text. */
export const formatPath = (path: PolicyPath): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    if (!PLAIN_KEY.test(part)) return `${text}[${JSON.stringify(part)}]`
    return text === '' ? part : `${text}.${part}`
  }, '')

const STEP = /\.?([A-Za-z_][A-Za-z0-9_-]*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/y

/** Reads what {@link formatPath} wrote; what does not look like a path is taken up to the first odd character. */
export const parsePath = (text: string): PolicyPath => {
  const path: (string | number)[] = []
  STEP.lastIndex = 0
  for (let step = STEP.exec(text); step !== null; step = STEP.exec(text)) {
    const [, key, index, quoted] = step
    path.push(key ?? (index === undefined ? String(JSON.parse(quoted ?? '""')) : Number(index)))
  }
  return path
}
