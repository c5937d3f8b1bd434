// SPDX-License-Identifier: Apache-2.0
// A Port that a Router names in spec.interfaces is the Router's: who has it, a machine or which Router, is decided here, and saved before
// anybody acts on it.
import type { Port, Router } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { done, saved, type Outcome } from '../../../lib/outcome.ts'
import { isOlder } from '../../kind/is-older.ts'
import { hasLetGo, usersOfPort } from '../../placed/holding.ts'
import { hasPort, wantsPort } from '../../placed/router-ports.ts'
import { ownerUidOf } from '../../placed/port-owner.ts'
import type { PortDeps } from './deps.ts'

/**
 * Gives the port to a Router, keeps it there, or takes it back once the Router has let go.
 * @returns undefined: it is no Router's
 */
export async function settleRouter(port: Port, deps: PortDeps, signal: AbortSignal): Promise<Outcome | undefined> {
  const status = (port.status ??= {})
  const router = chooseRouter(port, deps)
  if (!router) {
    if (!status.router) return undefined
    delete status.router
    return saved
  }
  // The Router has a port of its own on the network, with the same addresses.
  await deps.network.remove('Port', port.metadata.uid, signal)
  const { name, uid } = router.metadata
  if (status.router?.uid !== uid) {
    status.router = { name, uid }
    return saved
  }
  status.state = hasPort(router, port.metadata.uid) ? 'ACTIVE' : 'DOWN'
  return done
}

function chooseRouter(port: Port, deps: PortDeps): Router | undefined {
  const { networks, routers } = deps.caches
  if (ownerUidOf(port) !== undefined) return undefined
  // The Router has no port on a network that an SDN controller realises, and says so.
  if (networks.findByUid(port.status?.networkUID ?? '')?.status?.controller !== undefined) return undefined
  const has = (router: Router) => hasPort(router, port.metadata.uid)
  const present = port.status?.router && routers.findByUid(port.status.router.uid)
  if (present && (has(present) || wantsPort(present, port))) return present
  // After a restore only the Routers know.
  const holding = routers.listBy('portLegUID', port.metadata.uid).sort(byAge)[0]
  if (holding) return holding
  if (hasOtherUse(port, deps)) return undefined
  return routers
    .listBy('port', keyOfObject(port))
    .filter((router) => wantsPort(router, port))
    .sort(byAge)[0]
}

/** An interface of a machine, or of a Trunk. */
function hasOtherUse(port: Port, deps: PortDeps): boolean {
  const { trunks } = deps.caches
  const onTrunk = ['parentUID', 'subportUID'].some((by) => trunks.listBy(by, port.metadata.uid).length > 0)
  return onTrunk || port.status?.instance !== undefined || usersOfPort(port, deps).some((user) => !hasLetGo(user, deps))
}

function byAge(a: Router, b: Router): number {
  return isOlder(a, b) ? -1 : 1
}
