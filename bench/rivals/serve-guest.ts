/** What a guest program in another thread or process says: a call, its value, or its failure. */
export type GuestMessage =
  | { readonly kind: 'call'; readonly id: number; readonly argument: unknown }
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'failure'; readonly message: string }

type Serving = {
  readonly call: (argument: unknown) => Promise<unknown>
  readonly send: (message: unknown) => void
  readonly ended: PromiseWithResolvers<unknown>
}

const answer = async (id: number, argument: unknown, { call, send, ended }: Serving): Promise<void> => {
  try {
    send({ id, value: (await call(argument)) ?? null })
  } catch (error) {
    ended.reject(error)
  }
}

/** Answers one message of a guest program; the programs beside this file speak it. */
export const serveGuest = (message: GuestMessage, serving: Serving): void => {
  if (message.kind === 'call') void answer(message.id, message.argument, serving)
  else if (message.kind === 'value') serving.ended.resolve(message.value)
  else serving.ended.reject(new Error(message.message))
}
