// breaks: attack-uses-the-front-door
import '../run/run.ts'
