// SPDX-License-Identifier: Apache-2.0
import type { VPNConnection, VPNService } from '../../../lib/api/types.ts'
import type { VpnDocument } from '../../../lib/contract/documents.ts'
import { servicePortMac, servicePortName } from '../../../lib/contract/service-port.ts'
import { transitPortMac, transitPortName, type VpnConnection } from '../../../lib/contract/vpn.ts'
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
  { transitMtu, writer }: { transitMtu: number; writer: WriterVersions },
): VpnDocument {
  const { uid } = service.metadata
  const { node = '', epoch = 0 } = service.status ?? {}
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
      connections: connections.map((one) => toConnection(one, ownAddressOf(one.connection, service) ?? '')),
      ...certificatesOf(connections),
    },
  }
}

function certificatesOf(connections: readonly Accepted[]): Pick<VpnDocument['spec'], 'certificates'> {
  const all = connections.flatMap(({ key: { certificate } }) => certificate ?? [])
  if (all.length === 0) return {}
  return { certificates: Object.fromEntries(all.map((one) => [fingerprintOf(one), one])) }
}

/** Defaults as in the schema. */
function toConnection({ connection, localCIDRs, key }: Accepted, externalIP: string): VpnConnection {
  const { peerAddress, peerID, peerCIDRs, initiator, dpd, ikePolicy, ipsecPolicy } = connection.spec
  const localID = localIDOf(connection, key, externalIP)
  return {
    ...{ uid: connection.metadata.uid, peerAddress, peerID: peerID ?? peerAddress, localID },
    ...{ peerCIDRs: [...peerCIDRs].sort(), localCIDRs: [...localCIDRs] },
    ...(key.certificate ? { certificate: fingerprintOf(key.certificate) } : { preSharedKey: key.preSharedKey }),
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
