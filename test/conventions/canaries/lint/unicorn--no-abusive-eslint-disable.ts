// breaks: unicorn/no-abusive-eslint-disable
// eslint-disable-next-line
export var count = 1
