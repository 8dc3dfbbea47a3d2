// breaks: nobody-knows-the-attack
import '../attack/reaches-in.ts'
