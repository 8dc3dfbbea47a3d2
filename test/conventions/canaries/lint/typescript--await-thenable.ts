// breaks: typescript/await-thenable
export const value = await 1
