// SPDX-License-Identifier: Apache-2.0
// A router's VPN on the node that carries the router's traffic to the outside. Operator (the rows) and agent (the namespace) agree on the
// names and addresses of the link between the two.
import { z } from 'zod'
import { mac, uid } from './fields.ts'
import { metadataMac } from './metadata-port.ts'
import { ServicePort, servicePortName } from './service-port.ts'

/** The link between router and namespace: link-local, so that it takes no address of any subnet. As in Neutron's VPN agent for OVN. */
export const TRANSIT = {
  cidr: '169.254.0.0/30',
  router: '169.254.0.1',
  service: '169.254.0.2',
  prefixLength: 30,
} as const

/** The namespace's end of the link. Its row goes with its place on the node. */
export function transitPortName(serviceUid: string, node: string): string {
  return servicePortName(`${serviceUid}-transit`, node)
}

export function transitPortMac(serviceUid: string, node: string): string {
  return metadataMac(transitPortName(serviceUid, node))
}

/** By Neutron's names. */
export const ENCRYPTION_ALGORITHMS = [
  'aes-128',
  'aes-192',
  'aes-256',
  'aes-128-gcm-16',
  'aes-192-gcm-16',
  'aes-256-gcm-16',
] as const
export const AUTH_ALGORITHMS = ['sha256', 'sha384', 'sha512'] as const
export const PFS_GROUPS = ['group14', 'group15', 'group16', 'group19', 'group20', 'group21', 'group31'] as const

/** As whom a side proves itself: an IPv4 address, `gw.example.com` or `gw@example.com`. No wildcard, and no prefix that charon would read. */
const identity = z
  .string()
  .max(253)
  .regex(
    /^([A-Za-z0-9_.+-]{1,64}@)?[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?([.][A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/,
  )

const policy = z.looseObject({
  encryptionAlgorithm: z.enum(ENCRYPTION_ALGORITHMS),
  authAlgorithm: z.enum(AUTH_ALGORITHMS),
  pfs: z.enum(PFS_GROUPS),
  lifetimeSeconds: z.int().min(60).max(86_400),
})

export const VpnConnection = z.looseObject({
  /** Of the VPNConnection. */
  uid,
  peerAddress: z.ipv4(),
  peerID: identity,
  localID: identity,
  peerCIDRs: z.array(z.cidrv4()).min(1).max(16),
  localCIDRs: z.array(z.cidrv4()).min(1).max(64),
  /** Printable ASCII without spaces. */
  preSharedKey: z.string().regex(/^[!-~]{16,128}$/),
  ikePolicy: policy,
  ipsecPolicy: policy,
  dpdSeconds: z.int().min(1).max(300),
  /** Whether this side begins. */
  initiates: z.boolean(),
})
export type VpnConnection = z.infer<typeof VpnConnection>

export const MOST_VPN_CONNECTIONS = 64

export const VpnSpec = z.looseObject({
  /** On the external network, with the address that peers know. */
  outside: ServicePort,
  /** To the router. */
  transit: z.looseObject({ logicalPort: ServicePort.shape.logicalPort, mac, mtu: z.int().min(576).max(9000) }),
  connections: z.array(VpnConnection).max(MOST_VPN_CONNECTIONS),
})
export type VpnSpec = z.infer<typeof VpnSpec>
