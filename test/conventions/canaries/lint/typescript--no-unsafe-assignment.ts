// breaks: typescript/no-unsafe-assignment
export const config: { port: number } = JSON.parse('{}')
