type Capabilities = { http: { get(url: string): Promise<{ status: number }> } }

/** Never gives up: whatever goes wrong, it asks again. */
export default async ({ url }: { url: string }, { http }: Capabilities): Promise<never> => {
  for (let n = 1; ; n += 1) {
    try {
      await http.get(`${url}?attempt=${n}`)
    } catch (error) {
      console.warn(`attempt ${n}: ${(error as Error).message}`)
    }
  }
}
