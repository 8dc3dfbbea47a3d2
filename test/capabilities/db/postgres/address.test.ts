import { expect, it } from 'vitest'
import { readAddress } from '../../../../src/capabilities/db/postgres/address.ts'

it.each([
  ['user', 'postgres://:p@h/d'],
  ['password', 'postgres://u@h/d'],
  ['database', 'postgres://u:p@h/'],
])('a url without its %s is refused, and says what it lacks', (part, url) => {
  expect(() => readAddress(url)).toThrow(`its url names no ${part}`)
})
