// breaks: typescript/no-unsafe-argument
const take = (value: number): number => value
export const taken = take(JSON.parse('1'))
