// breaks: grants-are-pure
import './socket.ts'
