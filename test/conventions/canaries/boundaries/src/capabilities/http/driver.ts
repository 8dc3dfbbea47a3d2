// breaks: capabilities-stand-alone
import '../db/driver.ts'
