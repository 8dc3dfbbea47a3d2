// breaks: typescript/no-unnecessary-type-assertion
const name: string = 'a'
export const same = name as string
