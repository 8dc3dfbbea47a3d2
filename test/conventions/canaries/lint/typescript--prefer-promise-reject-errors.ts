// breaks: typescript/prefer-promise-reject-errors
export const failed = Promise.reject('a text')
