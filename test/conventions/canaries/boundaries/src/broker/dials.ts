// breaks: broker-does-no-io
import 'node:fs'
