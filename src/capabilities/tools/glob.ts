// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const BREAKS_OUT = /[\s\u0000-\u001f\u007f-\u009f,;<>]/u

/**
 * Patterns of text arguments. `*` stands for any run of characters but white space, control characters, commas, semicolons
 * and angle brackets, so that `*@company.com` is one address and never a list that ends in one. What a pattern writes out
 * stands for itself, those characters included.
 */
export function compileGlob(pattern: string): (text: string) => boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return (text) => text === pattern
  return (text) => {
    const end = text.length - last.length
    if (!text.startsWith(first) || !text.endsWith(last) || end < first.length) return false
    let at = first.length
    // The leftmost place of each part is as good as any: a later one only makes the run before it longer.
    for (const part of rest) {
      const found = text.indexOf(part, at)
      if (found < 0 || found > end || BREAKS_OUT.test(text.slice(at, found))) return false
      at = found + part.length
    }
    return at <= end && !BREAKS_OUT.test(text.slice(at, end))
  }
}
