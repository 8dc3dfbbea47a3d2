/** Sends an http request through the door: `read` gives the arguments of `http.request`, `open` gets its answer. */
export type SendRequest = (read: () => unknown, open: (answer: unknown) => unknown) => Promise<unknown>

/** Makes the globals of the named parts (see WEB_PARTS; commas between them), and of those that they need. Called once, before guest code. */
export type InstallWeb = (named: string, request: SendRequest) => void
