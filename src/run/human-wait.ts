/** The clocks of one run stand while it waits for humans, however many it asks at once. */
export class HumanWait {
  #asked = 0
  readonly #clock: () => { pause(): void; resume(): void } | undefined

  constructor(clock: () => { pause(): void; resume(): void } | undefined) {
    this.#clock = clock
  }

  async whileStopped<T>(work: () => Promise<T>): Promise<T> {
    this.#asked += 1
    this.#clock()?.pause()
    try {
      return await work()
    } finally {
      this.#asked -= 1
      if (this.#asked === 0) this.#clock()?.resume()
    }
  }
}
