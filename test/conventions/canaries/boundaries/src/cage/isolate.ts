// breaks: inside-knows-no-launcher
import './launch.ts'
