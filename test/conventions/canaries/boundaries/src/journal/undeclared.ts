// breaks: declares-what-it-uses
import 'yaml'
