export const silent = (): number => 1
export function mute(): void {}
export class Unsaid {}
/** Says what it is. */
export const said = (): number => 2
export const value = 3
