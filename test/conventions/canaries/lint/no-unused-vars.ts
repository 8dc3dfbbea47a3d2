// breaks: no-unused-vars
const nobody = 1
