import { asTollgateError, TollgateError } from '../../errors/tollgate-error.ts'
import type { Driver, DriverSetting } from '../capability.ts'
import { Connections } from './connections.ts'
import { createConnector } from './connector.ts'
import { Deadline } from './deadline.ts'
import type { HttpGrant, HttpJudgement } from './grant.ts'
import { createRenewal } from './oauth-refresh.ts'
import type { HttpPowers } from './powers.ts'
import { Slots } from './slots.ts'
import { performRequest } from './perform.ts'

/**
 * Opens the I/O of `permissions.http` for one run. Its connections, and what is kept alive of them, belong to this driver alone;
 * proxies, Alt-Svc and HTTP/2 are not spoken, whatever the environment or a server says.
 */
export function openHttpDriver(grant: HttpGrant, powers: HttpPowers, setting: DriverSetting): Driver {
  const connect = createConnector(powers, grant.settings.networks)
  const connections = new Connections(connect)
  const slots = new Slots(grant.settings.concurrentMax)
  const parts = {
    grant,
    connections,
    secrets: setting.secrets,
    renew: createRenewal(connect, setting.secrets),
  }
  return {
    async perform(judgement, call) {
      // The broker hands back what the grant judged.
      const first = judgement as HttpJudgement
      try {
        await slots.enter(call.signal)
      } catch {
        throw new TollgateError('UPSTREAM_TIMEOUT', 'The run ended before the request was sent.', {
          notPerformed: true,
        })
      }
      // Waiting for others is not the other side's fault: the time of the call begins here.
      const deadline = new Deadline(call.signal, first.request.timeoutMs)
      try {
        return await performRequest(first, call, deadline, parts)
      } catch (error) {
        throw asTollgateError(error)
      } finally {
        deadline.close()
        slots.leave()
      }
    },
    close: () => connections.close(),
  }
}
