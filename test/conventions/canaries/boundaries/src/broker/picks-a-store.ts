// breaks: stores-behind-ports
import '../stores/sqlite/open.ts'
