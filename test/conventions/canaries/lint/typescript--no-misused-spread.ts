// breaks: typescript/no-misused-spread
const load = (): number[] => [1]
export const nothing = { ...load }
