import { createGuest } from './guest.js'

const receive = createGuest((message) => self.postMessage(message))
self.onmessage = ({ data }) => receive(data)
