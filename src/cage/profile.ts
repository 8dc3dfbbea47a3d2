/** What the cage is made from. */
export type CageOptions = {
  /** The Node binary that runs it. Default: the one that runs the host. */
  nodePath?: string
  /** The bundled entry. Default: dist/cage/main.js of this package. */
  entry?: string
  /** Options for Node itself. */
  execArgv?: readonly string[]
}

/** How a cage process is started. */
export type CageProfile = {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/**
 * The one place where a cage is hardened. For now: an empty environment, so that nothing of the host's can be read, with time
 * zone and language fixed, so that every machine shows the guest the same. Tiers that wrap the command come in here.
 */
export const cageProfile = (
  entry: string,
  { nodePath = process.execPath, execArgv = [] }: CageOptions,
): CageProfile => ({
  command: nodePath,
  args: [...execArgv, entry],
  env: { TZ: 'UTC', LANG: 'C' },
})
