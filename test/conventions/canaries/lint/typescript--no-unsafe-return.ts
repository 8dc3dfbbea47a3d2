// breaks: typescript/no-unsafe-return
export const port = (): number => JSON.parse('1')
