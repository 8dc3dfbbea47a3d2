/** Prints what the probe finds where this process runs: `node probe-host.ts [PLATFORM]`, as if it were that platform. */
const [platform] = process.argv.slice(2)
if (platform !== undefined) Object.defineProperty(process, 'platform', { value: platform })
const { bestTier, probeTiers } = await import('../../src/cage/probe.ts')
const refusal = (): unknown => {
  try {
    return { best: bestTier() }
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    return { code, message }
  }
}
console.log(JSON.stringify({ states: probeTiers(), ...(refusal() as object) }))
