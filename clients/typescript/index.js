// SPDX-License-Identifier: Apache-2.0
// Made from crds/ by `npm run generate`. Do not edit.
import { GenericKind, RegisterKind } from 'kubernetes-fluent-client'

export class AddressGroup extends GenericKind {}
RegisterKind(AddressGroup, { group: 'nephele.dev', version: 'v1alpha1', kind: 'AddressGroup', plural: 'addressgroups' })

export class AddressScope extends GenericKind {}
RegisterKind(AddressScope, { group: 'nephele.dev', version: 'v1alpha1', kind: 'AddressScope', plural: 'addressscopes' })

export class Cloud extends GenericKind {}
RegisterKind(Cloud, { group: 'nephele.dev', version: 'v1alpha1', kind: 'Cloud', plural: 'clouds' })

export class ComputeNode extends GenericKind {}
RegisterKind(ComputeNode, { group: 'nephele.dev', version: 'v1alpha1', kind: 'ComputeNode', plural: 'computenodes' })

export class ConsoleAccess extends GenericKind {}
RegisterKind(ConsoleAccess, { group: 'nephele.dev', version: 'v1alpha1', kind: 'ConsoleAccess', plural: 'consoleaccesses' })

export class FirewallGroup extends GenericKind {}
RegisterKind(FirewallGroup, { group: 'nephele.dev', version: 'v1alpha1', kind: 'FirewallGroup', plural: 'firewallgroups' })

export class FirewallPolicy extends GenericKind {}
RegisterKind(FirewallPolicy, { group: 'nephele.dev', version: 'v1alpha1', kind: 'FirewallPolicy', plural: 'firewallpolicies' })

export class Flavor extends GenericKind {}
RegisterKind(Flavor, { group: 'nephele.dev', version: 'v1alpha1', kind: 'Flavor', plural: 'flavors' })

export class FloatingIP extends GenericKind {}
RegisterKind(FloatingIP, { group: 'nephele.dev', version: 'v1alpha1', kind: 'FloatingIP', plural: 'floatingips' })

export class HostAggregate extends GenericKind {}
RegisterKind(HostAggregate, { group: 'nephele.dev', version: 'v1alpha1', kind: 'HostAggregate', plural: 'hostaggregates' })

export class Image extends GenericKind {}
RegisterKind(Image, { group: 'nephele.dev', version: 'v1alpha1', kind: 'Image', plural: 'images' })

export class ImageStore extends GenericKind {}
RegisterKind(ImageStore, { group: 'nephele.dev', version: 'v1alpha1', kind: 'ImageStore', plural: 'imagestores' })

export class InstanceAction extends GenericKind {}
RegisterKind(InstanceAction, { group: 'nephele.dev', version: 'v1alpha1', kind: 'InstanceAction', plural: 'instanceactions' })

export class Instance extends GenericKind {}
RegisterKind(Instance, { group: 'nephele.dev', version: 'v1alpha1', kind: 'Instance', plural: 'instances' })

export class IPClaim extends GenericKind {}
RegisterKind(IPClaim, { group: 'nephele.dev', version: 'v1alpha1', kind: 'IPClaim', plural: 'ipclaims' })

export class KeyPair extends GenericKind {}
RegisterKind(KeyPair, { group: 'nephele.dev', version: 'v1alpha1', kind: 'KeyPair', plural: 'keypairs' })

export class LoadBalancer extends GenericKind {}
RegisterKind(LoadBalancer, { group: 'nephele.dev', version: 'v1alpha1', kind: 'LoadBalancer', plural: 'loadbalancers' })

export class Network extends GenericKind {}
RegisterKind(Network, { group: 'nephele.dev', version: 'v1alpha1', kind: 'Network', plural: 'networks' })

export class PlacementPreview extends GenericKind {}
RegisterKind(PlacementPreview, { group: 'nephele.dev', version: 'v1alpha1', kind: 'PlacementPreview', plural: 'placementpreviews' })

export class Port extends GenericKind {}
RegisterKind(Port, { group: 'nephele.dev', version: 'v1alpha1', kind: 'Port', plural: 'ports' })

export class ProviderNetwork extends GenericKind {}
RegisterKind(ProviderNetwork, { group: 'nephele.dev', version: 'v1alpha1', kind: 'ProviderNetwork', plural: 'providernetworks' })

export class QoSPolicy extends GenericKind {}
RegisterKind(QoSPolicy, { group: 'nephele.dev', version: 'v1alpha1', kind: 'QoSPolicy', plural: 'qospolicies' })

export class Quota extends GenericKind {}
RegisterKind(Quota, { group: 'nephele.dev', version: 'v1alpha1', kind: 'Quota', plural: 'quotas' })

export class Reachability extends GenericKind {}
RegisterKind(Reachability, { group: 'nephele.dev', version: 'v1alpha1', kind: 'Reachability', plural: 'reachabilities' })

export class Router extends GenericKind {}
RegisterKind(Router, { group: 'nephele.dev', version: 'v1alpha1', kind: 'Router', plural: 'routers' })

export class SchedulerProfile extends GenericKind {}
RegisterKind(SchedulerProfile, { group: 'nephele.dev', version: 'v1alpha1', kind: 'SchedulerProfile', plural: 'schedulerprofiles' })

export class SecurityGroup extends GenericKind {}
RegisterKind(SecurityGroup, { group: 'nephele.dev', version: 'v1alpha1', kind: 'SecurityGroup', plural: 'securitygroups' })

export class ServerGroup extends GenericKind {}
RegisterKind(ServerGroup, { group: 'nephele.dev', version: 'v1alpha1', kind: 'ServerGroup', plural: 'servergroups' })

export class StoragePool extends GenericKind {}
RegisterKind(StoragePool, { group: 'nephele.dev', version: 'v1alpha1', kind: 'StoragePool', plural: 'storagepools' })

export class SubnetPool extends GenericKind {}
RegisterKind(SubnetPool, { group: 'nephele.dev', version: 'v1alpha1', kind: 'SubnetPool', plural: 'subnetpools' })

export class Subnet extends GenericKind {}
RegisterKind(Subnet, { group: 'nephele.dev', version: 'v1alpha1', kind: 'Subnet', plural: 'subnets' })

export class Trunk extends GenericKind {}
RegisterKind(Trunk, { group: 'nephele.dev', version: 'v1alpha1', kind: 'Trunk', plural: 'trunks' })

export class Volume extends GenericKind {}
RegisterKind(Volume, { group: 'nephele.dev', version: 'v1alpha1', kind: 'Volume', plural: 'volumes' })

export class VolumeType extends GenericKind {}
RegisterKind(VolumeType, { group: 'nephele.dev', version: 'v1alpha1', kind: 'VolumeType', plural: 'volumetypes' })

export class VPNConnection extends GenericKind {}
RegisterKind(VPNConnection, { group: 'nephele.dev', version: 'v1alpha1', kind: 'VPNConnection', plural: 'vpnconnections' })

export class VPNService extends GenericKind {}
RegisterKind(VPNService, { group: 'nephele.dev', version: 'v1alpha1', kind: 'VPNService', plural: 'vpnservices' })
