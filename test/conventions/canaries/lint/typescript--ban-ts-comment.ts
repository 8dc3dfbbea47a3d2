// breaks: typescript/ban-ts-comment
// @ts-expect-error
export const wrong: number = 'text'
