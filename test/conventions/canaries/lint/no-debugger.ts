// breaks: no-debugger
debugger
