// breaks: typescript/no-unsafe-member-access
export const port = (): unknown => JSON.parse('{}').port
