// breaks: typescript/switch-exhaustiveness-check
type Verdict = 'allow' | 'deny' | 'ask'
export const letter = (verdict: Verdict): string => {
  switch (verdict) {
    case 'allow':
      return 'a'
    case 'deny':
      return 'd'
  }
  return ''
}
