import { createGuest } from './guest.js'

process.on(
  'message',
  createGuest((message) => process.send(message)),
)
