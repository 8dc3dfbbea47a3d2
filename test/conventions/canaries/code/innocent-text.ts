// In a comment, eval( and new Function are only words. A rule that is switched off says why:
// oxlint-disable-next-line no-var -- the canary needs it
export var medieval = (): string => 'any evaluation'
