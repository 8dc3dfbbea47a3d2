// breaks: cage-uses-isolated-vm-only
import 'zod'
