// breaks: no-promise-executor-return
export const wait = new Promise<void>((resolve) => setTimeout(resolve, 1))
