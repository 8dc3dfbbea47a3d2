/** What is used of libraries whose own types are missing or cannot be found. */

declare module '@ungap/structured-clone' {
  const clone: (value: unknown) => unknown
  export default clone
}

declare module 'event-target-shim' {
  export class Event {
    constructor(type: string)
  }
  export class EventTarget {
    dispatchEvent(event: Event): boolean
    addEventListener(type: string, listener: (event: Event) => void): void
  }
}
