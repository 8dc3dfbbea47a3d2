/** workerd: loads a worker of its own for each request; what it fetches goes to the host of the benchmark and nowhere else. */
const program = (source) => `
const call = async (argument) => {
  const answered = await fetch('http://host/', { method: 'POST', body: JSON.stringify(argument) })
  return await answered.json()
}
const guest = ${source}
export default {
  async fetch(request) {
    const { input } = await request.json()
    return Response.json((await guest(input, call)) ?? null)
  },
}`

let runs = 0

export default {
  async fetch(request, env) {
    const { source, input } = await request.json()
    runs += 1
    const worker = env.LOADER.get(`run-${runs}`, () => ({
      compatibilityDate: '2026-01-01',
      mainModule: 'guest.js',
      modules: { 'guest.js': program(source) },
      globalOutbound: env.HOST,
    }))
    const body = JSON.stringify({ input })
    return await worker.getEntrypoint().fetch(new Request('http://guest/', { method: 'POST', body }))
  },
}
