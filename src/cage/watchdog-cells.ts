/** Where the loop and its watchdog find each other's numbers; 0 stands for no bound. */
export const CELLS = Object.freeze({
  /** Resident size at which the process ends. */
  residentBytesMax: 0,
  /** When the present stretch of guest code must be over, in milliseconds since 1970. */
  deadlineMs: 1,
})
export type Cell = keyof typeof CELLS
