// SPDX-License-Identifier: Apache-2.0
// The network outside that every local cloud has, as DevStack's: nodes are connected to it by eth2, the fabric's namespace is the gateway
// on it, and the machine that runs the cloud reaches its addresses. Networks of all projects may have their gateways on it.
import { GROUP, VERSION } from '../../lib/api/kinds.ts'
import type { Manifest } from '../control-plane/manifests.ts'
import type { CloudAddresses } from './definition.ts'

/** Of the ProviderNetwork, and of the physical network. */
export const PHYSICAL_NETWORK = 'physnet1'
/** Of the Network and its Subnet, and of their namespace. */
export const EXTERNAL_NETWORK = 'public'

/** As an administrator would write them. Pure. */
export function externalNetwork({ external }: Pick<CloudAddresses, 'external'>): (Manifest & { spec?: object })[] {
  const apiVersion = `${GROUP}/${VERSION}`
  const metadata = { name: EXTERNAL_NETWORK, namespace: EXTERNAL_NETWORK }
  const inside = (last: number) => external.network.replace(/\d+\/\d+$/, String(last))
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: EXTERNAL_NETWORK } },
    {
      ...{ apiVersion, kind: 'ProviderNetwork', metadata: { name: PHYSICAL_NETWORK } },
      spec: { type: 'flat', nodes: [{ interface: 'eth2' }] },
    },
    {
      ...{ apiVersion, kind: 'Network', metadata },
      spec: {
        external: true,
        provider: { providerNetworkRef: { name: PHYSICAL_NETWORK } },
        sharedWith: [{ namespace: '*' }],
      },
    },
    {
      ...{ apiVersion, kind: 'Subnet', metadata },
      spec: {
        networkRef: { name: EXTERNAL_NETWORK },
        cidr: external.network,
        gatewayIP: external.gateway,
        dhcp: { enabled: false },
        // The rest is for hosts outside.
        allocationPools: [{ start: inside(10), end: inside(250) }],
      },
    },
  ]
}
