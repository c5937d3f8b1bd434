// SPDX-License-Identifier: Apache-2.0
import type { FloatingIP } from '../../../lib/api/types.ts'

type Spec = FloatingIP['spec']
type SpecForwarding = NonNullable<Spec['portForwardings']>[number]
export type Forwarding = SpecForwarding & { protocol: NonNullable<SpecForwarding['protocol']> }
type ForwardingStatus = NonNullable<NonNullable<FloatingIP['status']>['portForwardings']>[number]

/** Where the whole address is to lead, or ports of it. */
export interface Way extends Pick<Spec, 'portRef' | 'instanceRef' | 'loadBalancerRef' | 'fixedIPAddress'> {
  /** The field that has it, such as `spec.portForwardings[2]`. */
  field: string
  /** Absent: the whole address. */
  forwarding?: Forwarding
  /** Where it leads now. */
  present?: { portUID?: string | undefined; fixedIPAddress?: string | undefined } | undefined
}

/** All that the spec says; without port forwardings the one of the whole address, whether it is to lead anywhere or not. */
export function listWays(floatingIP: FloatingIP): Way[] {
  const { spec, status } = floatingIP
  const forwardings = spec.portForwardings ?? []
  if (forwardings.length === 0) return [{ ...spec, field: 'spec', present: status }]
  return forwardings.map(({ protocol, ...rest }, i) => {
    const forwarding = { protocol, ...rest }
    const present = status?.portForwardings?.find((one) => isOf(one, forwarding))
    return { ...rest, field: `spec.portForwardings[${i}]`, forwarding, present }
  })
}

export function isWanted({ portRef, instanceRef, loadBalancerRef }: Way): boolean {
  return (portRef ?? instanceRef ?? loadBalancerRef) !== undefined
}

/** Of each way that leads somewhere. */
export function portUIDsOf({ status }: FloatingIP): string[] {
  const all = [status?.portUID, ...(status?.portForwardings ?? []).map(({ portUID }) => portUID)]
  return all.flatMap((uid) => uid ?? [])
}

/** Whether it leads to the address of the Port, and how: with all of itself, or by ports. */
export function findLead(
  { status }: FloatingIP,
  portUID: string,
  fixedAddress: string,
): 'whole' | 'forwarding' | undefined {
  const isThere = (one: Way['present']) => one?.portUID === portUID && one.fixedIPAddress === fixedAddress
  if (isThere(status)) return 'whole'
  return status?.portForwardings?.some(isThere) ? 'forwarding' : undefined
}

function isOf(one: ForwardingStatus, { protocol, externalPort }: Forwarding): boolean {
  return one.protocol === protocol && one.externalPort === externalPort
}

/** `tcp 2222`, `udp 5000-5009`. */
export function describeForwarding({ protocol, externalPort, externalEndPort }: Forwarding): string {
  const isRange = externalEndPort !== undefined && externalEndPort !== externalPort
  return `${protocol} ${externalPort}${isRange ? `-${externalEndPort}` : ''}`
}
