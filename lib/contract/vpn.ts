// SPDX-License-Identifier: Apache-2.0
// A router's VPN on the node that carries the router's traffic to the outside. Operator (the rows) and agent (the namespace) agree on the
// names and addresses of the link between the two.
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { SealedText } from '../pki/sealed.ts'
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

/** The same for IPv6, of a prefix of our own (RFC 4193): packets that the namespace answers are to have a source that guests can tell. */
export const TRANSIT_V6 = {
  cidr: 'fd4e:6570:6865::/126',
  router: 'fd4e:6570:6865::1',
  service: 'fd4e:6570:6865::2',
  prefixLength: 126,
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

const NAME =
  /^([A-Za-z0-9_.+-]{1,64}@)?[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?([.][A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/
/** Of the parts of a subject those that all sides call the same, and of characters those that no side reads as more. */
const PART = '(C|ST|L|O|OU|CN|DC|UID|serialNumber|emailAddress)=[A-Za-z0-9._@-]([A-Za-z0-9 ._@-]*[A-Za-z0-9._@-])?'
const SUBJECT = new RegExp(`^${PART}(, ${PART})*$`)

/** Whether it is the subject of a certificate: `C=CH, O=Example, CN=gw`. */
export function isSubject(identity: string): boolean {
  return SUBJECT.test(identity)
}

/**
 * Whether a side can prove itself as this: an address, `gw.example.com`, `gw@example.com` or the subject of a certificate. No wildcard, and no
 * prefix that charon would read.
 */
export function isIdentity(text: string): boolean {
  if (isIP(text) !== 0) return isOfOneMachine(text)
  return text.length <= 253 && (NAME.test(text) || isSubject(text))
}

/** To charon 0.0.0.0 and :: are anybody, in whatever form they are written. */
function isOfOneMachine(address: string): boolean {
  if (address.includes('%')) return false
  return !['unspecified', 'multicast', 'broadcast'].includes(ipaddr.process(address).range())
}

const identity = z.string().max(253).refine(isIdentity)

const cidr = z.union([z.cidrv4(), z.cidrv6()])

const policy = z.looseObject({
  encryptionAlgorithm: z.enum(ENCRYPTION_ALGORITHMS),
  authAlgorithm: z.enum(AUTH_ALGORITHMS),
  pfs: z.enum(PFS_GROUPS),
  lifetimeSeconds: z.int().min(60).max(86_400),
})

/** Base64 of DER. */
const der = z
  .string()
  .max(4096)
  .regex(/^[A-Za-z0-9+/]+={0,2}$/)

/** What both sides prove themselves by, as the operator reads it and charon is told. */
export const VpnCertificate = z.looseObject({
  /** Ours, and those of the authorities between it and the one that the peer knows. */
  chain: z.array(der).min(1).max(4),
  /** Of the first one, as PKCS #8. */
  privateKey: der,
  /** One of these has to have issued the peer's. */
  authorities: z.array(der).min(1).max(4),
})
export type VpnCertificate = z.infer<typeof VpnCertificate>

/** The same as its node is told it. */
export const SealedVpnCertificate = z.looseObject({
  ...{ chain: VpnCertificate.shape.chain, authorities: VpnCertificate.shape.authorities },
  /** privateKey, once it is opened. */
  sealedKey: SealedText.max(6000),
})
export type SealedVpnCertificate = z.infer<typeof SealedVpnCertificate>

/**
 * Extensions that charon takes when a certificate marks them as critical: RFC 5280, 4.2.1: key usage, alternative name, basic constraints, name constraints,
 * certificate policies, policy mappings, policy constraints, extended key usage, inhibit anyPolicy. A certificate with another one it refuses.
 */
export const CRITICAL_EXTENSIONS: readonly string[] = [15, 17, 19, 30, 32, 33, 36, 37, 54].map((n) => `2.5.29.${n}`)

/** Printable ASCII without spaces. */
export const PRE_SHARED_KEY = /^[!-~]{16,128}$/
/** Of all that a VpnCertificate has: eight of them, and all connections, are less than a document may have. */
export const MOST_CERTIFICATE_CHARACTERS = 12_000
export const MOST_VPN_CERTIFICATES = 8

export const VpnConnection = z.looseObject({
  /** Of the VPNConnection. */
  uid,
  /** Of a family that the outer port has an address of. */
  peerAddress: z.union([z.ipv4(), z.ipv6()]).refine(isOfOneMachine),
  peerID: identity,
  localID: identity,
  peerCIDRs: z.array(cidr).min(1).max(16),
  localCIDRs: z.array(cidr).min(1).max(64),
  /** A PRE_SHARED_KEY, once it is opened. */
  sealedKey: SealedText.max(400).optional(),
  /** Instead of a key: which of the document's certificates. */
  certificate: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  ikePolicy: policy,
  ipsecPolicy: policy,
  dpdSeconds: z.int().min(1).max(300),
  /** Whether this side begins. */
  initiates: z.boolean(),
})
export type VpnConnection = z.infer<typeof VpnConnection>

export const MOST_VPN_CONNECTIONS = 64

const VpnFields = z.looseObject({
  /** On the external network, with the addresses that peers know, one of each family at most. */
  outside: ServicePort,
  /** To the router. */
  transit: z.looseObject({ logicalPort: ServicePort.shape.logicalPort, mac, mtu: z.int().min(576).max(9000) }),
  connections: z.array(VpnConnection).max(MOST_VPN_CONNECTIONS),
  /** By the SHA-256 of their content, since connections share them. */
  certificates: z.record(z.string().regex(/^[0-9a-f]{64}$/), SealedVpnCertificate).optional(),
})

/** Each connection has a key, or a certificate that is there. */
export const VpnSpec = VpnFields.refine(({ connections, certificates = {} }) =>
  connections.every(({ sealedKey, certificate }) =>
    certificate === undefined ? sealedKey !== undefined : sealedKey === undefined && certificate in certificates,
  ),
)
export type VpnSpec = z.infer<typeof VpnSpec>

/** What the keys of a document are sealed for: that of a connection, and that of a certificate. */
export const sealedVpnUse = {
  connection: (connectionUid: string) => ({ kind: 'vpn', use: `connections/${connectionUid}` }),
  certificate: (id: string) => ({ kind: 'vpn', use: `certificates/${id}` }),
} as const
