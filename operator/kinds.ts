// SPDX-License-Identifier: Apache-2.0
import { addressGroupKind } from './controllers/address-group/kind.ts'
import { addressScopeKind } from './controllers/address-scope/kind.ts'
import { computeNodeKind, nodeKind } from './controllers/compute-node/kind.ts'
import { consoleAccessKind } from './controllers/console-access/kind.ts'
import { firewallGroupKind } from './controllers/firewall-group/kind.ts'
import { firewallPolicyKind } from './controllers/firewall-policy/kind.ts'
import { floatingIPKind } from './controllers/floating-ip/kind.ts'
import { hostAggregateKind } from './controllers/host-aggregate/kind.ts'
import { imageKind } from './controllers/image/kind.ts'
import { instanceActionKind } from './controllers/instance-action/kind.ts'
import { instanceKind } from './controllers/instance/kind.ts'
import { ipClaimKind } from './controllers/ip-claim/kind.ts'
import { loadBalancerKind } from './controllers/load-balancer/kind.ts'
import { networkKind } from './controllers/network/kind.ts'
import { placementPreviewKind } from './controllers/placement-preview/kind.ts'
import { portKind } from './controllers/port/kind.ts'
import { providerNetworkKind } from './controllers/provider-network/kind.ts'
import { qosPolicyKind } from './controllers/qos-policy/kind.ts'
import { quotaKind } from './controllers/quota/kind.ts'
import { reachabilityKind } from './controllers/reachability/kind.ts'
import { routerKind } from './controllers/router/kind.ts'
import { schedulerProfileKind } from './controllers/scheduler-profile/kind.ts'
import { securityGroupKind } from './controllers/security-group/kind.ts'
import { serverGroupKind } from './controllers/server-group/kind.ts'
import { subnetPoolKind } from './controllers/subnet-pool/kind.ts'
import { subnetKind } from './controllers/subnet/kind.ts'
import { trunkKind } from './controllers/trunk/kind.ts'
import { volumeTypeKind } from './controllers/volume-type/kind.ts'
import { volumeKind } from './controllers/volume/kind.ts'
import { vpnConnectionKind } from './controllers/vpn-connection/kind.ts'
import { vpnServiceKind } from './controllers/vpn-service/kind.ts'
import type { KindName, KindRow, Kinds } from './kind/row.ts'
import { oneOfData } from './quota/quota-use.ts'

/**
 * The one list of the kinds that the operator watches; its RBAC is this list, and Secrets are not in it. Informers, caches, indexes, the
 * world in memory of tests, who is woken by whom, in-use checks and the tables of document kinds are made from it. A kind that names
 * nothing, and of which nodes hold nothing, has an empty row.
 */
export const KINDS: { readonly [K in KindName]: KindRow<Kinds[K]> } = {
  addressGroups: addressGroupKind,
  addressScopes: addressScopeKind,
  clouds: {},
  computeNodes: computeNodeKind,
  consoleAccesses: consoleAccessKind,
  firewallGroups: firewallGroupKind,
  firewallPolicies: firewallPolicyKind,
  flavors: {},
  floatingIPs: floatingIPKind,
  hostAggregates: hostAggregateKind,
  images: imageKind,
  imageStores: {},
  instanceActions: instanceActionKind,
  instances: instanceKind,
  ipClaims: ipClaimKind,
  keyPairs: { quota: oneOfData('keyPairs') },
  loadBalancers: loadBalancerKind,
  networks: networkKind,
  nodes: nodeKind,
  placementPreviews: placementPreviewKind,
  ports: portKind,
  providerNetworks: providerNetworkKind,
  qosPolicies: qosPolicyKind,
  quotas: quotaKind,
  reachabilities: reachabilityKind,
  routers: routerKind,
  schedulerProfiles: schedulerProfileKind,
  securityGroups: securityGroupKind,
  serverGroups: serverGroupKind,
  storagePools: {},
  subnetPools: subnetPoolKind,
  subnets: subnetKind,
  trunks: trunkKind,
  volumes: volumeKind,
  volumeTypes: volumeTypeKind,
  vpnConnections: vpnConnectionKind,
  vpnServices: vpnServiceKind,
}

export const KIND_NAMES = Object.keys(KINDS) as KindName[]
