export const used = 1
export const unusedExport = 2
export type UnusedType = string
