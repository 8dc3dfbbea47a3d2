export type PluginOptions = { sessionId: string }
export const makeContext = (sandbox: object): object => sandbox
export const commonPart = 1
