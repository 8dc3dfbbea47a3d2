// In a comment, eval( and new Function are words. oxlint-disable is explained:
// oxlint-disable-next-line no-var -- the canary needs it
export var medieval = (): string => 'any evaluation'
