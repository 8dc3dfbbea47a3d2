// breaks: errors-are-the-bottom
import '../budget/ledger.ts'
