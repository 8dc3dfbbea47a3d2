import { parentPort } from 'node:worker_threads'
import { createGuest } from './guest.mjs'

parentPort.on(
  'message',
  createGuest((message) => parentPort.postMessage(message)),
)
