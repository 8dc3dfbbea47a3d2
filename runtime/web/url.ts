import 'core-js/web/url.js'

type Made = {
  readonly URL: new (url: string, base?: string) => { readonly href: string }
  readonly URLSearchParams: new (init?: unknown) => { toString(): string }
}

/** The library leaves its classes as globals. */
export const { URL, URLSearchParams } = globalThis as unknown as Made
