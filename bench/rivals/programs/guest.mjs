/**
 * Runs one guest for a program that is its whole process or thread. `send` takes messages to the host; what is returned takes
 * those that come from there.
 */
export const createGuest = (send) => {
  // This process or thread is all that there is around the guest.
  const { eval: evaluate } = globalThis
  const waiting = new Map()
  let calls = 0
  const call = (argument) =>
    new Promise((resolve) => {
      calls += 1
      waiting.set(calls, resolve)
      send({ kind: 'call', id: calls, argument })
    })
  const run = async ({ source, input }) => {
    const guest = evaluate(`(${source})`)
    return (await guest(input, call)) ?? null
  }
  return (message) => {
    if (message.isAlive === true) return send({ kind: 'alive' })
    if (message.guest === undefined) {
      waiting.get(message.id)?.(message.value)
      return void waiting.delete(message.id)
    }
    run(message.guest).then(
      (value) => send({ kind: 'value', value }),
      (error) => send({ kind: 'failure', message: String(error) }),
    )
  }
}
