// SPDX-License-Identifier: Apache-2.0
// Networks that an SDN controller realises, at the bridges of a ProviderNetwork of type external: who does what there, and how what nobody
// does is refused (docs/decisions/0051).
import type { Network, ProviderNetwork } from '../../../lib/api/types.ts'
import { TerminalError } from '../../../lib/errors.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'

type DoneBy = NonNullable<NonNullable<Network['status']>['doneBy']>
type Controller = NonNullable<ProviderNetwork['spec']['controller']>
export type ControllerFeature = NonNullable<Controller['features']>[number]

const NEPHELE = 'Nephele'
const NOBODY = 'nobody'
const FIELD_OF = { DHCP: 'dhcp', SecurityGroups: 'securityGroups' } as const

/** The name of the SDN controller that realises the Network. Undefined: the network backend does. */
export function controllerOf({ status }: Pick<Network, 'status'>): string | undefined {
  return status?.controller
}

/** What its status says of who does what. Pure. */
export function dutiesOf({ name, features = [] }: Controller): DoneBy {
  const ifAble = (feature: ControllerFeature) => (features.includes(feature) ? name : NOBODY)
  return {
    forwarding: name,
    gateway: name,
    dhcp: ifAble('DHCP'),
    securityGroups: ifAble('SecurityGroups'),
    plugging: NEPHELE,
    addresses: NEPHELE,
    metadata: `${NEPHELE}, by spec.configDrive of Instances alone`,
    names: NOBODY,
    routers: NOBODY,
  }
}

/** Whether the Network has it: always, but for one whose controller does not do it. */
export function hasFeature(network: Pick<Network, 'status'>, feature: ControllerFeature): boolean {
  const controller = controllerOf(network)
  return controller === undefined || network.status?.doneBy?.[FIELD_OF[feature]] === controller
}

/**
 * The same for features that only the network backend has.
 * @param what the object and field that ask for it
 * @param help what to write instead
 * @returns undefined where the network backend realises the Network
 */
export function refuseOnExternal(network: Network, what: string, help: string): Outcome | undefined {
  const controller = controllerOf(network)
  return controller === undefined ? undefined : waitFor(REASON, sayRefusal(network, what, help))
}

/** @throws TerminalError `UnsupportedByDriver` */
export function assertSupported(network: Network, isSupported: boolean, what: string, help: string): void {
  if (isSupported || controllerOf(network) === undefined) return
  throw new TerminalError('UnsupportedByDriver', sayRefusal(network, what, help))
}

const REASON = 'UnsupportedByDriver'

function sayRefusal(network: Network, what: string, help: string): string {
  const by = `SDN controller ${controllerOf(network)} realises Network ${keyOfObject(network)}`
  return `${what} cannot be had: ${by}, where nobody does that (status.doneBy); ${help}`
}
