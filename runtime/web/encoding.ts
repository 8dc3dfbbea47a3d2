/** Taken in this way because the library's types bring those of Node, which a realm has not. */
declare const require: (path: '@exodus/bytes/encoding-lite.js') => Readonly<Record<string, unknown>>

export const {
  TextDecoder,
  TextDecoderStream,
  TextEncoder,
  TextEncoderStream,
} = require('@exodus/bytes/encoding-lite.js')
