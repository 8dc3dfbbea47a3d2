// breaks: typescript/no-deprecated
/** @deprecated use something else */
const old = (): number => 1
export const value = old()
