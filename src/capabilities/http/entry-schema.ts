import * as z from 'zod'
import { EFFECTS } from '../../../runtime/abi/ops.ts'
import { CATEGORIES } from '../capability.ts'
import { readDomainPattern } from './domain-pattern.ts'
import { isHeaderName, isNeverAllowed } from './header-rules.ts'
import { isBodiless, METHODS } from './ops.ts'
import { readPathPattern } from './path-pattern.ts'

/** Most kilobytes that any egress limit can be set to: one gigabyte. */
export const EGRESS_KB_MAX = 1024 * 1024

/** Turns a reader that answers with a text when it fails into a check of a schema. */
export const readBy =
  (read: (text: string) => unknown) =>
  (text: string, refinement: z.RefinementCtx): void => {
    const result = read(text)
    if (typeof result === 'string') refinement.addIssue({ code: 'custom', message: result })
  }

const domain = z
  .string()
  .superRefine(readBy(readDomainPattern))
  .describe('host, *.wildcard or scheme://host:port; https and port 443 unless written')
const path = z.string().superRefine(readBy(readPathPattern))
const header = z
  .string()
  .refine((name) => isHeaderName(name) && name === name.toLowerCase(), 'must be a header name in lower case')
  .refine((name) => !isNeverAllowed(name), 'no policy can grant this header: it frames or routes the message')
/** A number above zero, with a ceiling. */
export const positive = (max: number): z.ZodNumber => z.number().positive().max(max)

const fullEntry = z.strictObject({
  domain,
  methods: z
    .array(z.enum(METHODS))
    .default(() => METHODS.filter(isBodiless))
    .describe('methods that may be sent; default GET and HEAD'),
  paths: z.array(path).optional().describe('decoded segments; * is one segment, ** any; default any path'),
  query: z.array(z.string().min(1)).optional().describe('names of query parameters; default any'),
  headers: z.array(header).default([]).describe('that the guest may set beside accept and content-type'),
  auth: z.string().min(1).optional().describe('name under secrets; the host adds the credential'),
  effect: z.enum(EFFECTS).optional().describe('raises the effect: read for GET and HEAD, write for the rest'),
  category: z.array(z.enum(CATEGORIES)).default([]).describe('what kind of action it is'),
  idempotency: z
    .enum(['idempotent', 'keyed', 'at_most_once'])
    .optional()
    .describe('default idempotent for reads, at_most_once for effects'),
  key_ttl_seconds: positive(366 * 86_400)
    .optional()
    .describe('how long the other side remembers an idempotency key'),
  cost_usd: z
    .number()
    .min(0)
    .max(1_000_000)
    .optional()
    .describe('price of one call; default prices.http_call_usd'),
  ask: z.enum(['always', 'never', 'once_per_run']).optional().describe('when a human must approve'),
  label: z.array(z.string()).default([]).describe('provenance marks of the answers'),
  max_egress_kb: positive(EGRESS_KB_MAX).optional().describe('bytes out through this entry, per run'),
})

/** One element of allowed_domains; the short form is parsed into the full one. */
export const entrySchema = z.preprocess(
  (value) => (typeof value === 'string' ? { domain: value } : value),
  fullEntry,
)

export type EntryDocument = z.output<typeof fullEntry>
