// breaks: typescript/return-await
const load = async (): Promise<number> => 1
export const safe = async (): Promise<number> => {
  try {
    return load()
  } catch {
    return 0
  }
}
