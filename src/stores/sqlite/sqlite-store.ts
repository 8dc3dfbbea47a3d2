import type { Store } from '../ports.ts'
import { receiptPort, ticketPort } from './approvals.ts'
import { openDatabase } from './database.ts'
import { fileCommitPort } from './file-commits.ts'
import { journalPort, runPort } from './journal.ts'
import { kvPort } from './kv.ts'
import { taskPort } from './tasks.ts'

/** Opens the embedded store under a state folder; `:memory:` keeps nothing. Throws CONFIG_STATE_UNUSABLE. */
export function openSqliteStore(stateFolder: string): Store {
  const database = openDatabase(stateFolder)
  return {
    journal: journalPort(database),
    runs: runPort(database),
    tickets: ticketPort(database),
    receipts: receiptPort(database),
    tasks: taskPort(database),
    kv: kvPort(database),
    fileCommits: fileCommitPort(database, stateFolder),
    snapshot: (work) => database.snapshot(work),
    close: () => database.close(),
  }
}
