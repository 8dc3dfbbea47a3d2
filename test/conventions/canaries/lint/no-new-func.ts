// breaks: no-new-func
export const two = new Function('return 1 + 1')
