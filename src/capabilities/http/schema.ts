import * as z from 'zod'
import { readNetwork } from './address.ts'
import { EGRESS_KB_MAX, entrySchema, positive, readBy } from './entry-schema.ts'
import { findDocumentProblems } from './schema-rules.ts'

/** Most bytes that an answer may be granted: what is larger cannot cross to the guest as JSON. */
const RESPONSE_KB_MAX = 16 * 1024
const REQUEST_KB_MAX = 2 * 1024

const network = z.string().superRefine(readBy(readNetwork))

const rate = z.strictObject({
  calls: z.int().min(1).max(1_000_000).describe('calls within the window'),
  per_seconds: positive(86_400).describe('length of the window'),
})

/** `permissions.http`. Short entries are parsed into full ones, so both have one canonical form. */
export const httpSchema = z
  .strictObject({
    allowed_domains: z
      .array(entrySchema)
      .max(1000)
      .default([])
      .describe('the first entry that matches decides; none matches = denied'),
    max_response_size_kb: positive(RESPONSE_KB_MAX).default(512).describe('decoded bytes of one answer'),
    max_request_size_kb: positive(REQUEST_KB_MAX)
      .default(64)
      .describe('url, headers and body of one request'),
    max_egress_kb: positive(EGRESS_KB_MAX)
      .default(64)
      .describe('per run and destination: url, headers and body'),
    max_redirects: z.int().min(0).max(20).default(3).describe('redirects that one call follows'),
    max_concurrent: z.int().min(1).max(64).default(4).describe('requests at once; more wait'),
    timeout_seconds: positive(600).default(30).describe('one call, redirects and body included'),
    rate: rate.optional().describe('calls within a sliding window; default no rate'),
    private_networks: z
      .array(network)
      .default([])
      .describe('networks in CIDR form; else no private, loopback, link-local or metadata address'),
  })
  .superRefine((document, refinement) => {
    for (const { path: where, message, notBuilt } of findDocumentProblems(document)) {
      refinement.addIssue({
        code: 'custom',
        path: [...where],
        message,
        ...(notBuilt && { params: { code: 'CONFIG_NOT_BUILT' } }),
      })
    }
  })

export type HttpDocument = z.output<typeof httpSchema>
