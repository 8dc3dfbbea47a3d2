// breaks: web-libraries-in-web
import 'core-js/web/url.js'
