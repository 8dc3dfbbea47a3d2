// breaks: broker-knows-no-composition
// breaks: host-knows-the-launcher
import '../cage/isolate.ts'
