type Input = { a: number; b: number }

/** The smallest tool: no capability, one value. */
export default ({ a, b }: Input): number => a + b
