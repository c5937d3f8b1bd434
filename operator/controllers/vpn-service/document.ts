// SPDX-License-Identifier: Apache-2.0
import type { VPNConnection, VPNService } from '../../../lib/api/types.ts'
import type { VpnDocument } from '../../../lib/contract/documents.ts'
import { servicePortMac, servicePortName } from '../../../lib/contract/service-port.ts'
import {
  sealedVpnUse,
  transitPortMac,
  transitPortName,
  type SealedVpnCertificate,
  type VpnConnection,
} from '../../../lib/contract/vpn.ts'
import type { SealedText } from '../../../lib/pki/sealed.ts'
import { fingerprintOf } from '../../vpn/certificate.ts'
import type { VPNKey } from '../../vpn/key-store.ts'
import { localIDOf } from '../../vpn/local-id.ts'
import { headerOf, type WriterVersions } from '../../placed/document-header.ts'
import { ownAddressOf } from '../vpn-connection/judge.ts'
import type { Outside } from './outside.ts'

/** A connection that can be what it asks for. */
export interface Accepted {
  connection: VPNConnection
  localCIDRs: readonly string[]
  key: VPNKey
}

export function vpnDocument(
  service: VPNService,
  { network, addresses }: Outside,
  connections: readonly Accepted[],
  { transitMtu, writer, seal }: { transitMtu: number; writer: WriterVersions; seal: Seal },
): VpnDocument {
  const { uid } = service.metadata
  const { node = '', epoch = 0 } = service.status ?? {}
  const sealed = seal(textsOf(connections))
  return {
    ...headerOf(service, node, epoch, writer),
    ...{ kind: 'vpn', tombstone: false },
    spec: {
      outside: {
        ...{
          logicalPort: servicePortName(uid, node),
          networkUid: network.metadata.uid,
          mac: servicePortMac(uid, node),
        },
        ...{ mtu: network.status.mtu, gateways: addresses.flatMap(({ gatewayIP }) => gatewayIP ?? []) },
        addresses: addresses.map(({ address, prefixLength }) => ({ address, prefixLength })),
      },
      transit: { logicalPort: transitPortName(uid, node), mac: transitPortMac(uid, node), mtu: transitMtu },
      connections: connections.map((one) => toConnection(one, ownAddressOf(one.connection, service) ?? '', sealed)),
      ...certificatesOf(connections, sealed),
    },
  }
}

/** By use, all that one node alone may read. */
function textsOf(connections: readonly Accepted[]): ReadonlyMap<string, string> {
  return new Map(
    connections.flatMap(({ connection, key: { preSharedKey, certificate } }): [string, string][] => {
      if (certificate) return [[sealedVpnUse.certificate(fingerprintOf(certificate)).use, certificate.privateKey]]
      return preSharedKey === undefined ? [] : [[sealedVpnUse.connection(connection.metadata.uid).use, preSharedKey]]
    }),
  )
}

type Seal = (texts: ReadonlyMap<string, string>) => ReadonlyMap<string, SealedText>

function certificatesOf(
  connections: readonly Accepted[],
  sealed: ReadonlyMap<string, SealedText>,
): Pick<VpnDocument['spec'], 'certificates'> {
  const all = connections.flatMap(({ key: { certificate, given } }): [string, SealedVpnCertificate][] => {
    if (given?.certificate) {
      const { id, chain, authorities, sealedKey } = given.certificate
      return [[id, { chain, authorities, sealedKey }]]
    }
    if (!certificate) return []
    const id = fingerprintOf(certificate)
    const { chain, authorities } = certificate
    return [[id, { chain, authorities, sealedKey: sealed.get(sealedVpnUse.certificate(id).use) ?? '' }]]
  })
  return all.length === 0 ? {} : { certificates: Object.fromEntries(all) }
}

/** By what its node knows the connection's key. */
function keyOf(
  { connection, key: { certificate, given } }: Accepted,
  sealed: ReadonlyMap<string, SealedText>,
): Pick<VpnConnection, 'certificate' | 'sealedKey'> {
  if (given) return given.certificate ? { certificate: given.certificate.id } : { sealedKey: given.sealedKey }
  if (certificate) return { certificate: fingerprintOf(certificate) }
  return { sealedKey: sealed.get(sealedVpnUse.connection(connection.metadata.uid).use) ?? '' }
}

/** Defaults as in the schema. */
function toConnection(accepted: Accepted, externalIP: string, sealed: ReadonlyMap<string, SealedText>): VpnConnection {
  const { connection, localCIDRs, key } = accepted
  const { peerAddress, peerID, peerCIDRs, initiator, dpd, ikePolicy, ipsecPolicy } = connection.spec
  const localID = localIDOf(connection, key, externalIP)
  return {
    ...{ uid: connection.metadata.uid, peerAddress, peerID: peerID ?? peerAddress, localID },
    ...{ peerCIDRs: [...peerCIDRs].sort(), localCIDRs: [...localCIDRs] },
    ...keyOf(accepted, sealed),
    ikePolicy: policyOf(ikePolicy, 14_400),
    ipsecPolicy: policyOf(ipsecPolicy, 3600),
    ...{ dpdSeconds: dpd?.intervalSeconds ?? 30, initiates: initiator !== 'response-only' },
  }
}

function policyOf(policy: VPNConnection['spec']['ikePolicy'], lifetimeSeconds: number): VpnConnection['ikePolicy'] {
  return {
    encryptionAlgorithm: policy?.encryptionAlgorithm ?? 'aes-256-gcm-16',
    authAlgorithm: policy?.authAlgorithm ?? 'sha256',
    pfs: policy?.pfs ?? 'group19',
    lifetimeSeconds: policy?.lifetimeSeconds ?? lifetimeSeconds,
  }
}
