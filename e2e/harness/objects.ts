// SPDX-License-Identifier: Apache-2.0
// Minimal objects as a user would write them; a test overrides what it is about.
import type { NewObject } from '../../lib/kube/client.ts'
import type { KubeObject } from '../../lib/kube/object.ts'

export interface Named {
  namespace: string
  name: string
}

type Draft = NewObject<KubeObject> & { apiVersion: string; kind: string }

function draft(kind: string, at: Named, spec: object): Draft {
  return { apiVersion: 'nephele.dev/v1alpha1', kind, metadata: { name: at.name, namespace: at.namespace }, spec }
}

export interface ImageSource {
  url: string
  sha256: string
}

export const image = (at: Named, source: ImageSource, spec: object = {}): Draft =>
  draft('Image', at, { source: { http: { url: source.url } }, sha256: source.sha256, format: 'qcow2', ...spec })

export const network = (at: Named, spec: object = {}): Draft => draft('Network', at, spec)

export const subnet = (at: Named, networkName: string, cidr: string, spec: object = {}): Draft =>
  draft('Subnet', at, { networkRef: { name: networkName }, cidr, ...spec })

/** One whose range a SubnetPool gives. */
export const pooledSubnet = (at: Named, networkName: string, subnetPoolRef: object, spec: object = {}): Draft =>
  draft('Subnet', at, { networkRef: { name: networkName }, subnetPoolRef, ...spec })

export const addressScope = (at: Named, spec: object = {}): Draft => draft('AddressScope', at, spec)

export const subnetPool = (at: Named, spec: object = {}): Draft => draft('SubnetPool', at, spec)

export const instance = (at: Named, spec: object = {}): Draft =>
  draft('Instance', at, { flavorRef: { name: 'small' }, imageRef: { name: 'guest' }, ...spec })

export const volume = (at: Named, sizeGiB = 1, spec: object = {}): Draft => draft('Volume', at, { sizeGiB, ...spec })

export const keyPair = (at: Named, publicKey: string): Draft => draft('KeyPair', at, { publicKey })

export const port = (at: Named, networkName: string, spec: object = {}): Draft =>
  draft('Port', at, { networkRef: { name: networkName }, ...spec })

export const securityGroup = (at: Named, spec: object = {}): Draft => draft('SecurityGroup', at, spec)

export const router = (at: Named, spec: object = {}): Draft => draft('Router', at, spec)

export const trunk = (at: Named, spec: object = {}): Draft => draft('Trunk', at, spec)

export const floatingIP = (at: Named, spec: object = {}): Draft => draft('FloatingIP', at, spec)

export const firewallPolicy = (at: Named, spec: object = {}): Draft => draft('FirewallPolicy', at, spec)

export const firewallGroup = (at: Named, spec: object = {}): Draft => draft('FirewallGroup', at, spec)

export const addressGroup = (at: Named, spec: object = {}): Draft => draft('AddressGroup', at, spec)
export const qosPolicy = (at: Named, spec: object = {}): Draft => draft('QoSPolicy', at, spec)
export const loadBalancer = (at: Named, spec: object = {}): Draft => draft('LoadBalancer', at, spec)

export const reachability = (at: Named, spec: object = {}): Draft => draft('Reachability', at, spec)
export const vpnService = (at: Named, spec: object = {}): Draft => draft('VPNService', at, spec)

export const vpnConnection = (at: Named, spec: object = {}): Draft => draft('VPNConnection', at, spec)

export const serverGroup = (at: Named, spec: object = {}): Draft =>
  draft('ServerGroup', at, { policy: 'anti-affinity', ...spec })
export const quota = (at: Named, spec: object = {}): Draft => draft('Quota', at, spec)

export const placementPreview = (at: Named, spec: object = {}): Draft => draft('PlacementPreview', at, spec)
export const instanceAction = (at: Named, instance: string, spec: object = {}): Draft =>
  draft('InstanceAction', at, { instanceRef: { name: instance }, type: 'Reboot', ...spec })

export const consoleAccess = (at: Named, instance: string, spec: object = {}): Draft =>
  draft('ConsoleAccess', at, { instanceRef: { name: instance }, ...spec })

/** Cluster-wide. */
export const flavor = (name: string, spec: object = {}): Draft => ({
  apiVersion: 'nephele.dev/v1alpha1',
  kind: 'Flavor',
  metadata: { name },
  spec: { vcpus: 1, memoryMiB: 256, rootDiskGiB: 1, ...spec },
})

/** The spec of one with VLANs, by the interface that the nodes of a local cloud have for it; its name is the project's (`createClusterWide`). */
export const providerNetwork = (spec: object = {}): object => ({
  type: 'vlan',
  nodes: [{ interface: 'eth2' }],
  ...spec,
})
