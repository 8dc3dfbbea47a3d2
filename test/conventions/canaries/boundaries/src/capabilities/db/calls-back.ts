// breaks: capabilities-know-no-host
import '../../broker/broker.ts'
