// SPDX-License-Identifier: Apache-2.0
// Made from crds/ by `npm run generate`. Do not edit.
import type { AddressGroupSpec, AddressGroupStatus } from '../../../crds/generated/addressgroup.ts'
import type { AddressScopeSpec, AddressScopeStatus } from '../../../crds/generated/addressscope.ts'
import type { CloudSpec, CloudStatus } from '../../../crds/generated/cloud.ts'
import type { ComputeNodeSpec, ComputeNodeStatus } from '../../../crds/generated/computenode.ts'
import type { ConsoleAccessSpec, ConsoleAccessStatus } from '../../../crds/generated/consoleaccess.ts'
import type { FirewallGroupSpec, FirewallGroupStatus } from '../../../crds/generated/firewallgroup.ts'
import type { FirewallPolicySpec, FirewallPolicyStatus } from '../../../crds/generated/firewallpolicy.ts'
import type { FlavorSpec, FlavorStatus } from '../../../crds/generated/flavor.ts'
import type { FloatingIPSpec, FloatingIPStatus } from '../../../crds/generated/floatingip.ts'
import type { HostAggregateSpec, HostAggregateStatus } from '../../../crds/generated/hostaggregate.ts'
import type { ImageSpec, ImageStatus } from '../../../crds/generated/image.ts'
import type { ImageStoreSpec, ImageStoreStatus } from '../../../crds/generated/imagestore.ts'
import type { InstanceActionSpec, InstanceActionStatus } from '../../../crds/generated/instanceaction.ts'
import type { InstanceSpec, InstanceStatus } from '../../../crds/generated/instance.ts'
import type { IPClaimSpec } from '../../../crds/generated/ipclaim.ts'
import type { KeyPairSpec, KeyPairStatus } from '../../../crds/generated/keypair.ts'
import type { LoadBalancerSpec, LoadBalancerStatus } from '../../../crds/generated/loadbalancer.ts'
import type { NetworkSpec, NetworkStatus } from '../../../crds/generated/network.ts'
import type { PlacementPreviewSpec, PlacementPreviewStatus } from '../../../crds/generated/placementpreview.ts'
import type { PortSpec, PortStatus } from '../../../crds/generated/port.ts'
import type { ProviderNetworkSpec, ProviderNetworkStatus } from '../../../crds/generated/providernetwork.ts'
import type { QoSPolicySpec, QoSPolicyStatus } from '../../../crds/generated/qospolicy.ts'
import type { QuotaSpec, QuotaStatus } from '../../../crds/generated/quota.ts'
import type { ReachabilitySpec, ReachabilityStatus } from '../../../crds/generated/reachability.ts'
import type { RouterSpec, RouterStatus } from '../../../crds/generated/router.ts'
import type { SchedulerProfileSpec, SchedulerProfileStatus } from '../../../crds/generated/schedulerprofile.ts'
import type { SecurityGroupSpec, SecurityGroupStatus } from '../../../crds/generated/securitygroup.ts'
import type { ServerGroupSpec, ServerGroupStatus } from '../../../crds/generated/servergroup.ts'
import type { StoragePoolSpec, StoragePoolStatus } from '../../../crds/generated/storagepool.ts'
import type { SubnetPoolSpec, SubnetPoolStatus } from '../../../crds/generated/subnetpool.ts'
import type { SubnetSpec, SubnetStatus } from '../../../crds/generated/subnet.ts'
import type { TrunkSpec, TrunkStatus } from '../../../crds/generated/trunk.ts'
import type { VolumeSpec, VolumeStatus } from '../../../crds/generated/volume.ts'
import type { VolumeTypeSpec, VolumeTypeStatus } from '../../../crds/generated/volumetype.ts'
import type { VPNConnectionSpec, VPNConnectionStatus } from '../../../crds/generated/vpnconnection.ts'
import type { VPNServiceSpec, VPNServiceStatus } from '../../../crds/generated/vpnservice.ts'
import type { Resource } from '../../kube/object.ts'

export type AddressGroup = Resource<AddressGroupSpec, AddressGroupStatus>
export type AddressScope = Resource<AddressScopeSpec, AddressScopeStatus>
export type Cloud = Resource<CloudSpec, CloudStatus>
export type ComputeNode = Resource<ComputeNodeSpec, ComputeNodeStatus>
export type ConsoleAccess = Resource<ConsoleAccessSpec, ConsoleAccessStatus>
export type FirewallGroup = Resource<FirewallGroupSpec, FirewallGroupStatus>
export type FirewallPolicy = Resource<FirewallPolicySpec, FirewallPolicyStatus>
export type Flavor = Resource<FlavorSpec, FlavorStatus>
export type FloatingIP = Resource<FloatingIPSpec, FloatingIPStatus>
export type HostAggregate = Resource<HostAggregateSpec, HostAggregateStatus>
export type Image = Resource<ImageSpec, ImageStatus>
export type ImageStore = Resource<ImageStoreSpec, ImageStoreStatus>
export type InstanceAction = Resource<InstanceActionSpec, InstanceActionStatus>
export type Instance = Resource<InstanceSpec, InstanceStatus>
export type IPClaim = Resource<IPClaimSpec, never>
export type KeyPair = Resource<KeyPairSpec, KeyPairStatus>
export type LoadBalancer = Resource<LoadBalancerSpec, LoadBalancerStatus>
export type Network = Resource<NetworkSpec, NetworkStatus>
export type PlacementPreview = Resource<PlacementPreviewSpec, PlacementPreviewStatus>
export type Port = Resource<PortSpec, PortStatus>
export type ProviderNetwork = Resource<ProviderNetworkSpec, ProviderNetworkStatus>
export type QoSPolicy = Resource<QoSPolicySpec, QoSPolicyStatus>
export type Quota = Resource<QuotaSpec, QuotaStatus>
export type Reachability = Resource<ReachabilitySpec, ReachabilityStatus>
export type Router = Resource<RouterSpec, RouterStatus>
export type SchedulerProfile = Resource<SchedulerProfileSpec, SchedulerProfileStatus>
export type SecurityGroup = Resource<SecurityGroupSpec, SecurityGroupStatus>
export type ServerGroup = Resource<ServerGroupSpec, ServerGroupStatus>
export type StoragePool = Resource<StoragePoolSpec, StoragePoolStatus>
export type SubnetPool = Resource<SubnetPoolSpec, SubnetPoolStatus>
export type Subnet = Resource<SubnetSpec, SubnetStatus>
export type Trunk = Resource<TrunkSpec, TrunkStatus>
export type Volume = Resource<VolumeSpec, VolumeStatus>
export type VolumeType = Resource<VolumeTypeSpec, VolumeTypeStatus>
export type VPNConnection = Resource<VPNConnectionSpec, VPNConnectionStatus>
export type VPNService = Resource<VPNServiceSpec, VPNServiceStatus>

/** Each kind by the name that the operator calls it by. */
export interface CustomObjects {
  addressGroups: AddressGroup
  addressScopes: AddressScope
  clouds: Cloud
  computeNodes: ComputeNode
  consoleAccesses: ConsoleAccess
  firewallGroups: FirewallGroup
  firewallPolicies: FirewallPolicy
  flavors: Flavor
  floatingIPs: FloatingIP
  hostAggregates: HostAggregate
  images: Image
  imageStores: ImageStore
  instanceActions: InstanceAction
  instances: Instance
  ipClaims: IPClaim
  keyPairs: KeyPair
  loadBalancers: LoadBalancer
  networks: Network
  placementPreviews: PlacementPreview
  ports: Port
  providerNetworks: ProviderNetwork
  qosPolicies: QoSPolicy
  quotas: Quota
  reachabilities: Reachability
  routers: Router
  schedulerProfiles: SchedulerProfile
  securityGroups: SecurityGroup
  serverGroups: ServerGroup
  storagePools: StoragePool
  subnetPools: SubnetPool
  subnets: Subnet
  trunks: Trunk
  volumes: Volume
  volumeTypes: VolumeType
  vpnConnections: VPNConnection
  vpnServices: VPNService
}
