// breaks: typescript/no-unsafe-call
export const called = (): void => void JSON.parse('{}')()
