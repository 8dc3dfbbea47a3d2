/**
 * Runs one guest for a program that is its whole process or thread. `send` takes messages to the host; what is returned takes
 * those that come from there.
 */
export const createGuest = (send) => {
  const waiting = new Map()
  let calls = 0
  const call = (argument) =>
    new Promise((resolve) => {
      calls += 1
      waiting.set(calls, resolve)
      send({ kind: 'call', id: calls, argument })
    })
  const run = async ({ source, input }) => {
    // oxlint-disable-next-line no-eval -- a guest is text, and this process is all that there is around it
    const guest = (0, eval)(`(${source})`)
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
