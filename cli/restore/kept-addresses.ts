// SPDX-License-Identifier: Apache-2.0
// Addresses and MACs that were given are written into specs, where what is made anew asks for the same. Pure.
import { matchInterfaces } from '../../lib/api/match-interfaces.ts'
import type { FloatingIP, Instance, LoadBalancer, Port, Router, Subnet, Network } from '../../lib/api/types.ts'
import type { KubeObject } from '../../lib/kube/object.ts'

/** An address on a Subnet: what an IPClaim has once it is taken. */
export interface KeptAddress {
  namespace: string
  subnet: string
  address: string
}

export interface Kept<Spec = unknown> {
  spec: Spec
  addresses: KeptAddress[]
  /** It gets another address than it had, or may: for people. */
  lost: string[]
  /** Ports that its interfaces get of their own. */
  ports: { name: string; spec: Port['spec'] }[]
}

/** The namespace of a Network, where its Subnets are. */
type Place = { namespace: string }
const none = <Spec>(spec: Spec): Kept<Spec> => ({ spec, addresses: [], lost: [], ports: [] })

/** @param findPort of the archive */
export function keepOfInstance(
  { metadata, spec, status }: Instance,
  findPort: (name: string) => Port | undefined,
): Kept<Instance['spec']> {
  const kept = none({ ...spec })
  const { namespace = '' } = metadata
  if (spec.networks === undefined) return kept
  const { had } = matchInterfaces({ spec, ...(status === undefined ? {} : { status }) })
  kept.spec.networks = spec.networks.map((want, i) => {
    const { networkRef } = want
    if (networkRef === undefined) return want
    const record = had[i]
    const port = record && findPort(record.port)
    // Another one of the same name is somebody else's.
    if (!port || (record.portUID !== undefined && port.metadata.uid !== record.portUID)) {
      if (status?.node !== undefined) kept.lost.push(`spec.networks[${i}]: the archive has not its Port`)
      return want
    }
    const { macAddress, fixedIPs = [] } = port.status ?? {}
    const network: Place = { namespace: networkRef.namespace ?? namespace }
    if (network.namespace !== namespace) {
      const had = [macAddress, ...fixedIPs.map(({ ipAddress }) => ipAddress)].join(', ')
      kept.lost.push(`spec.networks[${i}] (${had}): only in namespace ${network.namespace} may one be asked for`)
      return want
    }
    kept.addresses.push(...keptOf(network, fixedIPs))
    const [only, ...others] = fixedIPs
    if (others.length === 0) {
      return {
        ...want,
        ...(macAddress === undefined ? {} : { macAddress }),
        ...(only ? { subnetRef: { name: only.subnet }, ipAddress: only.ipAddress } : {}),
      }
    }
    // An entry can ask for one address; a Port of its own for all.
    const { securityGroupRefs, vnicType } = port.spec
    kept.ports.push({
      name: port.metadata.name,
      spec: {
        ...{ networkRef: { ...networkRef }, fixedIPs: toFixed(fixedIPs) },
        ...(macAddress === undefined ? {} : { macAddress }),
        ...(securityGroupRefs === undefined ? {} : { securityGroupRefs }),
        ...(vnicType === undefined ? {} : { vnicType }),
      },
    })
    return { portRef: { name: port.metadata.name } }
  })
  return kept
}

export function keepOfPort({ metadata, spec, status }: Port): Kept<Port['spec']> {
  const { namespace = '' } = metadata
  const { macAddress, fixedIPs = [] } = status ?? {}
  const network: Place = { namespace: spec.networkRef.namespace ?? namespace }
  if (network.namespace !== namespace) {
    const had = [macAddress, ...fixedIPs.map(({ ipAddress }) => ipAddress)].filter((one) => one !== undefined)
    const lost = `its addresses (${had.join(', ')}): only in namespace ${network.namespace} may one be asked for`
    return { ...none(spec), lost: had.length > 0 ? [lost] : [] }
  }
  return {
    ...none({
      ...spec,
      ...(macAddress === undefined ? {} : { macAddress }),
      ...(fixedIPs.length === 0 ? {} : { fixedIPs: toFixed(fixedIPs) }),
    }),
    addresses: keptOf(network, fixedIPs),
  }
}

export function keepOfFloatingIP({ metadata, spec, status }: FloatingIP): Kept<FloatingIP['spec']> {
  const { ipAddress, subnet } = status ?? {}
  if (ipAddress === undefined || subnet === undefined) return none(spec)
  const namespace = spec.networkRef.namespace ?? metadata.namespace ?? ''
  return {
    ...none({ ...spec, ipAddress, subnetRef: { name: subnet } }),
    addresses: [{ namespace, subnet, address: ipAddress }],
  }
}

/** Its outside addresses; those inside are the Subnets' gateways, or those of Ports that it names. */
export function keepOfRouter({ metadata, spec, status }: Router): Kept<Router['spec']> {
  const { fixedIPs = [] } = status?.externalGateway ?? {}
  const { externalGateway } = spec
  if (!externalGateway || fixedIPs.length === 0) return none(spec)
  const network: Place = { namespace: externalGateway.networkRef.namespace ?? metadata.namespace ?? '' }
  return {
    ...none({ ...spec, externalGateway: { ...externalGateway, fixedIPs: toFixed(fixedIPs) } }),
    addresses: keptOf(network, fixedIPs),
  }
}

export function keepOfLoadBalancer({ metadata, spec, status }: LoadBalancer): Kept<LoadBalancer['spec']> {
  const { vipAddress } = status ?? {}
  if (vipAddress === undefined) return none(spec)
  const { vip } = spec
  return {
    ...none({ ...spec, vip: { ...vip, ipAddress: vipAddress } }),
    addresses: [{ namespace: metadata.namespace ?? '', subnet: vip.subnetRef.name, address: vipAddress }],
  }
}

/** The range that a pool gave it. */
export function keepOfSubnet({ spec, status }: Subnet): Subnet['spec'] {
  if (spec.cidr !== undefined || status?.cidr === undefined) return spec
  // A Subnet of a pool may name its range, and then no length.
  const kept = { ...spec, cidr: status.cidr }
  delete kept.prefixLength
  return kept
}

/** The VLAN that it was given. */
export function keepOfNetwork({ spec, status }: Network): Network['spec'] {
  const { segmentationID } = status ?? {}
  // 0 is a flat network's, which names none.
  if (spec?.provider === undefined || (segmentationID ?? 0) === 0) return spec
  return { ...spec, provider: { segmentationID, ...spec.provider } }
}

function keptOf({ namespace }: Place, fixedIPs: readonly { subnet: string; ipAddress: string }[]): KeptAddress[] {
  return fixedIPs.map(({ subnet, ipAddress }) => ({ namespace, subnet, address: ipAddress }))
}

function toFixed(fixedIPs: readonly { subnet: string; ipAddress: string }[]) {
  return fixedIPs.map(({ subnet, ipAddress }) => ({ subnetRef: { name: subnet }, ipAddress }))
}

/** An object as a spec asks for it, before anything is kept. */
export function keepNothing({ spec }: KubeObject): Kept {
  return none(spec)
}
