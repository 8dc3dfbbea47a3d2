// breaks: typescript/no-misused-promises
export const each = (list: number[]): void => list.forEach(async (one) => { await Promise.resolve(one) })
