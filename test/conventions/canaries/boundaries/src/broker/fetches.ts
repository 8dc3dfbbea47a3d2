// breaks: broker-uses-no-io-library
import 'pino'
