/**
 * Patterns of text arguments. `*` stands for any run of characters but white space, control characters, commas, semicolons
 * and angle brackets, so that `*@company.com` is one address and never a list that ends in one.
 */
export function compileGlob(pattern: string): (text: string) => boolean {
  const parts = pattern.split('*')
  const first = parts[0] ?? ''
  const last = parts.at(-1) ?? ''
  return (text) => {
    if (parts.length === 1) return text === pattern
    if (BREAKS_OUT.test(text) && !BREAKS_OUT.test(pattern)) return false
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false
    let at = first.length
    for (const part of parts.slice(1, -1)) {
      const found = text.indexOf(part, at)
      if (found < 0) return false
      at = found + part.length
    }
    return at <= text.length - last.length
  }
}

// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const BREAKS_OUT = /[\s\u0000-\u001f\u007f-\u009f,;<>]/u
