/** The public entry `tollgate`. */
export { createTollgate } from './run/create-tollgate.ts'
export { definePolicy, loadPolicyFile } from './policy.ts'
export { defineTool } from './capabilities/host-tool.ts'
export { isTollgateError, TollgateError } from './errors/tollgate-error.ts'
export { CODES } from '../runtime/abi/codes.ts'

export type { Code } from '../runtime/abi/codes.ts'
export type { ApproveCallback, Decision, Ticket } from './approval/ticket.ts'
export type { AuditRecord, AuditVerdict } from './audit/record.ts'
export type { HostTool, HostToolCall, HostToolDefinition } from './capabilities/host-tool.ts'
export type { ErrorRecord, Gate } from './errors/tollgate-error.ts'
export type { CompiledPolicy } from './policy/compiled.ts'
export type { RunOptions, SecretAsker, SecretProvider, Tollgate, TollgateOptions } from './run/options.ts'
export type { Powers } from './run/powers.ts'
export type {
  ApprovalSummary,
  CommitSummary,
  LogLine,
  RunEvent,
  RunResult,
  RunStatus,
  Usage,
} from './run/result.ts'
