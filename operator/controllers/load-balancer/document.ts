// SPDX-License-Identifier: Apache-2.0
import type { LoadBalancer, Subnet } from '../../../lib/api/types.ts'
import type { BalancerDocument, BalancerPool, BalancerTls } from '../../../lib/contract/documents.ts'
import { servicePortMac, servicePortName } from '../../../lib/contract/service-port.ts'
import { headerOf, type WriterVersions } from '../../placed/document-header.ts'
import type { RealisedNetwork } from '../common/realised-network.ts'
import { cidrOf, planOf } from '../subnet/range.ts'
import { documentRules } from './document-rules.ts'
import type { Member } from './members.ts'
import type { Pool } from './pools.ts'
import { monitorOf } from './to-logical.ts'
import type { ProxyAddresses } from './proxy-addresses.ts'
import type { NodeCertificates } from './seal-certificates.ts'

interface Facts {
  subnet: Subnet
  network: RealisedNetwork
  /** The pools of HTTP listeners, and who serves them. */
  found: readonly { pool: Pool; members: readonly Member[] }[]
  node: string
  tls: Pick<NodeCertificates, 'certificates' | 'listeners'>
  addresses: ProxyAddresses
}

/** What one node is told of it. Pure. */
export function balancerDocument(balancer: LoadBalancer, facts: Facts, writer: WriterVersions): BalancerDocument {
  const { subnet, network, found, node, tls, addresses } = facts
  const { uid } = balancer.metadata
  const { gatewayIP } = planOf(subnet)
  const prefixLength = Number(cidrOf(subnet)?.split('/')[1])
  const own = addresses.proxies.filter((one) => one.node === node).map(({ ipAddress }) => ipAddress)
  const peer = addresses.proxies.find((one) => one.node !== node)
  return {
    ...headerOf(balancer, node, balancer.status?.proxyEpoch ?? 0, writer),
    kind: 'balancer',
    tombstone: false,
    spec: {
      port: {
        ...{
          logicalPort: servicePortName(uid, node),
          networkUid: network.metadata.uid,
          mac: servicePortMac(uid, node),
        },
        ...{ mtu: network.status.mtu, gateways: gatewayIP === undefined ? [] : [gatewayIP] },
        addresses: own.map((address) => ({ address, prefixLength })),
      },
      sharedAddress: addresses.sharedAddress,
      ...(peer ? { standby: { peer: peer.ipAddress, isPreferred: addresses.proxies[0]?.node === node } } : {}),
      listeners: found.flatMap(({ pool: { name, rule, listener } }) =>
        rule === undefined
          ? [
              {
                ...{ name, port: listener.port, pool: name, rules: documentRules(listener) },
                ...{ maxConnections: MAX_CONNECTIONS, timeouts: TIMEOUTS, ...tlsOf(listener, tls) },
              },
            ]
          : [],
      ),
      ...(tls.certificates.length > 0 ? { certificates: [...tls.certificates] } : {}),
      pools: found.map(({ pool, members }) => poolOf(pool, members)),
    },
  }
}

/** Octavia's defaults for the three; it has no bound for connections. */
const TIMEOUTS = { client: 50, connect: 5, server: 50 }
const MAX_CONNECTIONS = 2000

function tlsOf({ name, tls }: Pool['listener'], { listeners }: Facts['tls']): { tls?: BalancerTls } {
  if (!tls) return {}
  const { minVersion = '1.2' } = tls
  return { tls: { certificates: [...(listeners.get(name) ?? [])], minVersion } }
}

function poolOf(pool: Pool, members: readonly Member[]): BalancerPool {
  const monitor = monitorOf(pool)
  const reached = members.flatMap(({ address, port, lacks }) =>
    address === undefined || lacks ? [] : [{ address, port }],
  )
  return {
    ...{ name: pool.name, members: reached },
    ...(pool.sessionAffinity ? { affinity: true } : {}),
    ...(pool.proxyProtocol === undefined ? {} : { proxyProtocol: pool.proxyProtocol }),
    ...(monitor ? { monitor: { ...monitor, ...httpOf(pool) } } : {}),
  }
}

function httpOf({ healthMonitor }: Pool): Pick<NonNullable<BalancerPool['monitor']>, 'http'> {
  if (healthMonitor?.path === undefined) return {}
  return { http: { path: healthMonitor.path, expectedCodes: healthMonitor.expectedCodes ?? '200' } }
}
