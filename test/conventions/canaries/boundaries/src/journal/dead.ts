// breaks: no-orphans
export const dead = 1
