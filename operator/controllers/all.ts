// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '../../lib/kube/object.ts'
import type { ControllerDefinition } from '../../lib/loop/controller.ts'
import { withKindWakes } from '../kind/kind-wakes.ts'
import type { KindName, Kinds, OperatorInformers } from '../kind/row.ts'
import { withQuota } from '../kind/with-quota.ts'
import { addressGroupController } from './address-group/controller.ts'
import { addressScopeController } from './address-scope/controller.ts'
import { cloudController } from './cloud/controller.ts'
import type { OperatorDeps } from './common/deps.ts'
import { computeNodeController, nodeController } from './compute-node/controller.ts'
import { consoleAccessController } from './console-access/controller.ts'
import { firewallGroupController } from './firewall-group/controller.ts'
import { firewallPolicyController } from './firewall-policy/controller.ts'
import { flavorController } from './flavor/controller.ts'
import { floatingIPController } from './floating-ip/controller.ts'
import { hostAggregateController } from './host-aggregate/controller.ts'
import { imageStoreController } from './image-store/controller.ts'
import { imageController } from './image/controller.ts'
import { instanceActionController } from './instance-action/controller.ts'
import { instanceController } from './instance/controller.ts'
import { ipClaimController } from './ip-claim/controller.ts'
import { keyPairController } from './key-pair/controller.ts'
import { loadBalancerController } from './load-balancer/controller.ts'
import { networkController } from './network/controller.ts'
import { placementPreviewController } from './placement-preview/controller.ts'
import { portController } from './port/controller.ts'
import { providerNetworkController } from './provider-network/controller.ts'
import { qosPolicyController } from './qos-policy/controller.ts'
import { quotaController } from './quota/controller.ts'
import { reachabilityController } from './reachability/controller.ts'
import { routerController } from './router/controller.ts'
import { schedulerProfileController } from './scheduler-profile/controller.ts'
import { securityGroupController } from './security-group/controller.ts'
import { serverGroupController } from './server-group/controller.ts'
import { storagePoolController } from './storage-pool/controller.ts'
import { subnetPoolController } from './subnet-pool/controller.ts'
import { subnetController } from './subnet/controller.ts'
import { trunkController } from './trunk/controller.ts'
import { volumeController } from './volume/controller.ts'
import { volumeTypeController } from './volume-type/controller.ts'
import type { NodeSettings } from './compute-node/settings.ts'
import { vpnConnectionController } from './vpn-connection/controller.ts'
import { vpnServiceController } from './vpn-service/controller.ts'

type Definitions = { readonly [K in KindName]: ControllerDefinition<Kinds[K]> }

/** One controller per kind, with the wake-ups and the Quota that follow from its kind's row. */
export function defineControllers(
  deps: OperatorDeps,
  informers: OperatorInformers,
  settings: NodeSettings,
): [KindName, ControllerDefinition<KubeObject>][] {
  const definitions: Definitions = {
    clouds: cloudController(deps),
    nodes: nodeController(deps),
    computeNodes: computeNodeController(deps, informers, settings),
    flavors: flavorController(deps),
    keyPairs: keyPairController(deps),
    storagePools: storagePoolController(deps, informers),
    volumeTypes: volumeTypeController(deps),
    images: imageController(deps, informers),
    networks: networkController(deps, informers),
    subnets: subnetController(deps, informers),
    securityGroups: securityGroupController(deps),
    ports: portController(deps, informers),
    ipClaims: ipClaimController(deps, informers),
    volumes: volumeController(deps, informers),
    instances: instanceController(deps, informers),
    routers: routerController(deps, informers),
    providerNetworks: providerNetworkController(deps, informers),
    floatingIPs: floatingIPController(deps, informers),
    firewallPolicies: firewallPolicyController(deps),
    firewallGroups: firewallGroupController(deps, informers),
    trunks: trunkController(deps, informers),
    addressGroups: addressGroupController(deps),
    qosPolicies: qosPolicyController(deps),
    loadBalancers: loadBalancerController(deps, informers),
    addressScopes: addressScopeController(deps, informers),
    subnetPools: subnetPoolController(deps, informers),
    reachabilities: reachabilityController(deps, informers),
    vpnServices: vpnServiceController(deps, informers),
    vpnConnections: vpnConnectionController(deps, informers),
    hostAggregates: hostAggregateController(deps, informers),
    serverGroups: serverGroupController(deps, informers),
    schedulerProfiles: schedulerProfileController(deps),
    quotas: quotaController(deps),
    placementPreviews: placementPreviewController(deps, informers),
    instanceActions: instanceActionController(deps, informers),
    consoleAccesses: consoleAccessController(deps, informers),
    imageStores: imageStoreController(deps, informers),
  }
  const list = Object.entries(definitions) as unknown as [KindName, ControllerDefinition<KubeObject>][]
  return list.map(([name, definition]) => [name, withQuota(name, withKindWakes(definition, deps, informers), deps)])
}
