import './db/driver.ts'
