// breaks: unused-disable-directive
// oxlint-disable-next-line no-var -- nothing here needs it
export const count = 1
