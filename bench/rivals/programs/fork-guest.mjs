import { createGuest } from './guest.mjs'

process.on(
  'message',
  createGuest((message) => process.send(message)),
)
