// breaks: no-var
export var count = 1
