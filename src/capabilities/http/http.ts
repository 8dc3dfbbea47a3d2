import type { Capability } from '../capability.ts'
import { openHttpDriver } from './driver.ts'
import { compileHttpGrant, type HttpGrant } from './grant.ts'
import type { HttpPowers } from './powers.ts'
import { httpSchema, type HttpDocument } from './schema.ts'

/** The capability `http`: requests to the domains that the policy lists. */
export const httpCapability: Capability = {
  name: 'http',
  schema: httpSchema,
  compile: (document, environment) => compileHttpGrant(document as HttpDocument, environment),
  // The broker hands back the grant that compile made, and src/run the powers that it put together for http.
  openDriver: (grant, setting) => openHttpDriver(grant as HttpGrant, setting.powers as HttpPowers, setting),
}
