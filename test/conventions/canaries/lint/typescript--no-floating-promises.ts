// breaks: typescript/no-floating-promises
const save = async (): Promise<void> => {}
save()
