// breaks: broker-knows-no-capability
import '../capabilities/http/driver.ts'
