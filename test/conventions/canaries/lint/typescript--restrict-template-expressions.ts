// breaks: typescript/restrict-template-expressions
export const text = (value: object): string => `value: ${value}`
