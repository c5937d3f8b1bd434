// SPDX-License-Identifier: Apache-2.0
// The names of our rows, read back: the planners make them of UIDs (router-port.ts, network-plan.ts, group-match.ts).
import { metadataPortName } from '../../../lib/contract/metadata-port.ts'
import { GROUP_PREFIX } from './group-match.ts'
import { localnetPortName } from '../../../lib/contract/gateway-rows.ts'
import { routerPortName, switchEndName } from './router-port.ts'

/** What a logical port is. Nothing: it is not ours. */
export interface TracePlace {
  portUid?: string
  /** Of a router's port, on either side. `legUid`: of its Subnet or Port; absent: its gateway. */
  routerUid?: string
  legUid?: string
  /** It is the router's own end, not the switch's. */
  isRouterSide?: boolean
  /** Of a network's own ports. */
  networkUid?: string
}

/** As Kubernetes makes them: RFC 9562. */
const UID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const PORT = new RegExp(`^${UID}$`)
const SWITCH_END = switchEndName('')
const ROUTER_PORT = new RegExp(`^${routerPortName(`(${UID})`, `(${UID}|gateway)`)}(${SWITCH_END})?$`)
const OF_NETWORK = new RegExp(`^(?:${localnetPortName(`(${UID})`)}|${metadataPortName(`(${UID})`)})$`)
const GROUP = new RegExp(`^${GROUP_PREFIX}([0-9a-f_]{36})$`)

export function placeOf(port: string): TracePlace {
  if (PORT.test(port)) return { portUid: port }
  const router = ROUTER_PORT.exec(port)
  if (router) {
    const [, routerUid = '', leg = '', end] = router
    return { routerUid, isRouterSide: end === undefined, ...(leg === 'gateway' ? {} : { legUid: leg }) }
  }
  const ofNetwork = OF_NETWORK.exec(port)
  const networkUid = ofNetwork?.[1] ?? ofNetwork?.[2]
  return networkUid === undefined ? {} : { networkUid }
}

/** UID of the SecurityGroup whose Port_Group has the name. */
export function uidOfGroup(group: string): string | undefined {
  return GROUP.exec(group)?.[1]?.replaceAll('_', '-')
}
