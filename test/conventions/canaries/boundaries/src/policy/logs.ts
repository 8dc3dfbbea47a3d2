// breaks: pure-folders-use-no-io-library
import 'pino'
