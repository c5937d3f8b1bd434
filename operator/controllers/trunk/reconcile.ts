// SPDX-License-Identifier: Apache-2.0
import type { Port, Trunk } from '../../../lib/api/types.ts'
import { done, released, saved, waitFor, type Outcome } from '../../../lib/outcome.ts'
import { allMissing } from '../../kind/found.ts'
import { listNames, namesOfUsers, waitForHolders } from '../../kind/holders.ts'
import { resolve, resolveOnly } from '../../kind/resolve.ts'
import { hasSubport, parent as parentOfTrunk, subport as subportOfTrunk } from './kind.ts'
import { whyNotParent, whyNotSubport, whyTooLarge, type MayHaveDeps } from './may-have.ts'

type Given = NonNullable<NonNullable<Trunk['status']>['subports']>[number]

/** Decides which Ports it has. What becomes of them is the Ports' own work, once that is written (port/subport.ts). */
export function reconcileTrunk(trunk: Trunk, deps: MayHaveDeps): Outcome {
  const status = (trunk.status ??= {})
  if (trunk.metadata.deletionTimestamp !== undefined) return remove(trunk, deps)
  const found = resolveOnly(parentOfTrunk, trunk, deps.caches)
  const refused = found.ok ? whyNotParent(trunk, found.object, deps) : undefined
  if (!found.ok || refused) {
    // One that is missing may come back; one that is another's has nothing of ours on it.
    if (refused) letGo(trunk)
    delete status.node
    status.state = 'DOWN'
    return (refused ?? (found as Exclude<typeof found, { ok: true }>)).outcome
  }
  const parent = found.object
  const { given, lacks } = listSubports(trunk, parent, deps)
  status.parentUID = parent.metadata.uid
  if (given.length > 0) status.subports = given
  else delete status.subports
  if (parent.status?.node === undefined) delete status.node
  else status.node = parent.status.node
  const missing = allMissing(lacks)
  status.state = missing ? 'DEGRADED' : 'DOWN'
  if (missing) return missing.outcome
  if (parent.status?.node === undefined || parent.status.state === 'DOWN') return done
  return observe(trunk, parent, deps)
}

function listSubports(trunk: Trunk, parent: Port, deps: MayHaveDeps): { given: Given[]; lacks: Outcome[] } {
  const given: Given[] = []
  const lacks: Outcome[] = []
  for (const [i, named] of subportOfTrunk.refs(trunk).entries()) {
    const port = resolve(subportOfTrunk, trunk, named, deps.caches)
    const refused = port.ok ? whyNotSubport(trunk, port.object, named.field, deps) : port
    const tooLarge = port.ok ? whyTooLarge(port.object, named.field, parent, deps) : undefined
    if (refused) lacks.push(refused.outcome)
    else if (tooLarge) lacks.push(tooLarge.outcome)
    // What it has already stays, whatever became of the MTU.
    if (!port.ok || refused || (tooLarge && !hasSubport(trunk, port.object.metadata.uid))) continue
    const { name, uid } = port.object.metadata
    given.push({ port: name, portUID: uid, segmentationID: trunk.spec.subports?.[i]?.segmentationID ?? 0 })
  }
  return { given, lacks }
}

function observe(trunk: Trunk, parent: Port, { caches }: MayHaveDeps): Outcome {
  const status = (trunk.status ??= {})
  const isOn = ({ portUID, segmentationID }: Given) => {
    const port = caches.ports.findByUid(portUID)?.status
    const { uid, segmentationID: tag } = port?.trunk ?? {}
    return port?.state === 'ACTIVE' && uid === trunk.metadata.uid && tag === segmentationID
  }
  const late = (status.subports ?? []).filter((given) => !isOn(given)).map(({ port }) => port)
  const waiting = parent.status?.state === 'ACTIVE' ? late : [parent.metadata.name]
  status.state = waiting.length === 0 ? 'ACTIVE' : 'BUILD'
  if (waiting.length === 0) return done
  return waitFor(
    'PortNotReady',
    `waiting for Port${waiting.length > 1 ? 's' : ''} ${listNames(waiting)}: see its conditions`,
  )
}

function remove(trunk: Trunk, { caches }: MayHaveDeps): Outcome {
  const status = (trunk.status ??= {})
  status.state = 'DELETING'
  const users = waitForHolders('trunks', trunk, caches)
  if (users) return users
  if (status.parentUID !== undefined || status.subports) {
    letGo(trunk)
    return saved
  }
  const left = caches.ports.listBy('trunkUID', trunk.metadata.uid)
  return left.length === 0 ? released : waitFor('Releasing', `waiting for ${namesOfUsers('Port', left)} to leave it`)
}

function letGo(trunk: Trunk): void {
  const status = (trunk.status ??= {})
  delete status.parentUID
  delete status.subports
}
