// breaks: undici-in-the-http-driver
import 'undici'
