// SPDX-License-Identifier: Apache-2.0
// Made from crds/ by `npm run generate`. Do not edit.
import type { ResourceKind } from '../../kube/object.ts'

export const ADDRESS_GROUP: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'addressgroups',
  kind: 'AddressGroup',
  namespaced: true,
}
export const ADDRESS_SCOPE: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'addressscopes',
  kind: 'AddressScope',
  namespaced: true,
}
export const CLOUD: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'clouds',
  kind: 'Cloud',
  namespaced: false,
}
export const COMPUTE_NODE: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'computenodes',
  kind: 'ComputeNode',
  namespaced: false,
}
export const CONSOLE_ACCESS: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'consoleaccesses',
  kind: 'ConsoleAccess',
  namespaced: true,
}
export const FIREWALL_GROUP: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'firewallgroups',
  kind: 'FirewallGroup',
  namespaced: true,
}
export const FIREWALL_POLICY: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'firewallpolicies',
  kind: 'FirewallPolicy',
  namespaced: true,
}
export const FLAVOR: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'flavors',
  kind: 'Flavor',
  namespaced: false,
}
export const FLOATING_IP: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'floatingips',
  kind: 'FloatingIP',
  namespaced: true,
}
export const HOST_AGGREGATE: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'hostaggregates',
  kind: 'HostAggregate',
  namespaced: false,
}
export const IMAGE: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'images',
  kind: 'Image',
  namespaced: true,
}
export const IMAGE_STORE: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'imagestores',
  kind: 'ImageStore',
  namespaced: false,
}
export const INSTANCE_ACTION: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'instanceactions',
  kind: 'InstanceAction',
  namespaced: true,
}
export const INSTANCE: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'instances',
  kind: 'Instance',
  namespaced: true,
}
export const IP_CLAIM: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'ipclaims',
  kind: 'IPClaim',
  namespaced: true,
}
export const KEY_PAIR: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'keypairs',
  kind: 'KeyPair',
  namespaced: true,
}
export const LOAD_BALANCER: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'loadbalancers',
  kind: 'LoadBalancer',
  namespaced: true,
}
export const NETWORK: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'networks',
  kind: 'Network',
  namespaced: true,
}
export const PLACEMENT_PREVIEW: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'placementpreviews',
  kind: 'PlacementPreview',
  namespaced: true,
}
export const PORT: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'ports',
  kind: 'Port',
  namespaced: true,
}
export const PROVIDER_NETWORK: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'providernetworks',
  kind: 'ProviderNetwork',
  namespaced: false,
}
export const QOS_POLICY: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'qospolicies',
  kind: 'QoSPolicy',
  namespaced: true,
}
export const QUOTA: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'quotas',
  kind: 'Quota',
  namespaced: true,
}
export const REACHABILITY: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'reachabilities',
  kind: 'Reachability',
  namespaced: true,
}
export const ROUTER: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'routers',
  kind: 'Router',
  namespaced: true,
}
export const SCHEDULER_PROFILE: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'schedulerprofiles',
  kind: 'SchedulerProfile',
  namespaced: false,
}
export const SECURITY_GROUP: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'securitygroups',
  kind: 'SecurityGroup',
  namespaced: true,
}
export const SERVER_GROUP: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'servergroups',
  kind: 'ServerGroup',
  namespaced: true,
}
export const STORAGE_POOL: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'storagepools',
  kind: 'StoragePool',
  namespaced: false,
}
export const SUBNET_POOL: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'subnetpools',
  kind: 'SubnetPool',
  namespaced: true,
}
export const SUBNET: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'subnets',
  kind: 'Subnet',
  namespaced: true,
}
export const TRUNK: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'trunks',
  kind: 'Trunk',
  namespaced: true,
}
export const VOLUME: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'volumes',
  kind: 'Volume',
  namespaced: true,
}
export const VOLUME_TYPE: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'volumetypes',
  kind: 'VolumeType',
  namespaced: false,
}
export const VPN_CONNECTION: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'vpnconnections',
  kind: 'VPNConnection',
  namespaced: true,
}
export const VPN_SERVICE: ResourceKind = {
  group: 'nephele.dev',
  version: 'v1alpha1',
  plural: 'vpnservices',
  kind: 'VPNService',
  namespaced: true,
}

/** Each kind by the name that the operator calls it by. */
export const CUSTOM_KINDS_BY_NAME = {
  addressGroups: ADDRESS_GROUP,
  addressScopes: ADDRESS_SCOPE,
  clouds: CLOUD,
  computeNodes: COMPUTE_NODE,
  consoleAccesses: CONSOLE_ACCESS,
  firewallGroups: FIREWALL_GROUP,
  firewallPolicies: FIREWALL_POLICY,
  flavors: FLAVOR,
  floatingIPs: FLOATING_IP,
  hostAggregates: HOST_AGGREGATE,
  images: IMAGE,
  imageStores: IMAGE_STORE,
  instanceActions: INSTANCE_ACTION,
  instances: INSTANCE,
  ipClaims: IP_CLAIM,
  keyPairs: KEY_PAIR,
  loadBalancers: LOAD_BALANCER,
  networks: NETWORK,
  placementPreviews: PLACEMENT_PREVIEW,
  ports: PORT,
  providerNetworks: PROVIDER_NETWORK,
  qosPolicies: QOS_POLICY,
  quotas: QUOTA,
  reachabilities: REACHABILITY,
  routers: ROUTER,
  schedulerProfiles: SCHEDULER_PROFILE,
  securityGroups: SECURITY_GROUP,
  serverGroups: SERVER_GROUP,
  storagePools: STORAGE_POOL,
  subnetPools: SUBNET_POOL,
  subnets: SUBNET,
  trunks: TRUNK,
  volumes: VOLUME,
  volumeTypes: VOLUME_TYPE,
  vpnConnections: VPN_CONNECTION,
  vpnServices: VPN_SERVICE,
} as const

/** By plural: what kubectl takes for it as well. */
export const SHORT_NAMES: Readonly<Record<string, readonly string[]>> = {
  addressgroups: ['nag'],
  addressscopes: ['nas'],
  clouds: ['ncloud'],
  computenodes: ['ncn'],
  consoleaccesses: ['nca'],
  firewallgroups: ['nfwg'],
  firewallpolicies: ['nfwp'],
  flavors: ['nflv'],
  floatingips: ['nfip'],
  hostaggregates: ['nha'],
  images: ['nimg'],
  imagestores: ['nistore'],
  instanceactions: ['nact'],
  instances: ['ninst'],
  ipclaims: ['nipc'],
  keypairs: ['nkey'],
  loadbalancers: ['nlb'],
  networks: ['nnet'],
  placementpreviews: ['npp'],
  ports: ['nport'],
  providernetworks: ['npn'],
  qospolicies: ['nqos'],
  quotas: ['nquota'],
  reachabilities: ['nreach'],
  routers: ['nrtr'],
  schedulerprofiles: ['nsprof'],
  securitygroups: ['nsg'],
  servergroups: ['nsrvg'],
  storagepools: ['npool'],
  subnetpools: ['nsp'],
  subnets: ['nsub'],
  trunks: ['ntrunk'],
  volumes: ['nvol'],
  volumetypes: ['nvtype'],
  vpnconnections: ['nvpnc'],
  vpnservices: ['nvpn'],
}
