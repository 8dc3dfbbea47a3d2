// @ts-ignore
export const secret = process.getBuiltinModule('fs')
export const viaBrackets = process['getBuiltinModule']
export const two = eval('1 + 1')
export const three = new Function('return 3')
export const loose = two as any
it.only('runs alone', () => {})
it.skip('does not run', () => {})
// oxlint-disable-next-line no-var
export var count = 1
