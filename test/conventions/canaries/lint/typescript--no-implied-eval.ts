// breaks: typescript/no-implied-eval
setTimeout('1 + 1', 0)
