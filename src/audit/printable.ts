import { CUT_MARK } from '../../runtime/abi/crossing.ts'

// Unicode "other" (control, format, surrogate, private, unassigned) and the line separators: whatever moves a cursor,
// reorders text or hides in it.
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u
const EACH_UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu

const escapeOne = (character: string): string => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`

/** Text that came from outside, made safe to show on one line: unprintable characters escaped, cut with a mark after `sizeMax` characters. */
export function printable(text: string, sizeMax: number): string {
  const cut = text.length > sizeMax ? text.slice(0, sizeMax) + CUT_MARK : text
  return UNPRINTABLE.test(cut) ? cut.replace(EACH_UNPRINTABLE, escapeOne) : cut
}
