// breaks: cage-io-in-its-entries
import 'node:net'
