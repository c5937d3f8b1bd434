// SPDX-License-Identifier: Apache-2.0
// Made from crds/ by `npm run generate`. Do not edit.
import { GenericKind } from 'kubernetes-fluent-client'

import type { AddressGroupSpec, AddressGroupStatus } from './types/addressgroup.js'
export type { AddressGroupSpec, AddressGroupStatus } from './types/addressgroup.js'
/** Ranges of addresses that rules of SecurityGroups name. It does nothing by itself. */
export declare class AddressGroup extends GenericKind {
  spec: AddressGroupSpec
  status?: AddressGroupStatus
}

import type { AddressScopeSpec, AddressScopeStatus } from './types/addressscope.js'
export type { AddressScopeSpec, AddressScopeStatus } from './types/addressscope.js'
/** Addresses that mean one thing: SubnetPools of one AddressScope share none, and between two of them nothing is routed without translation. */
export declare class AddressScope extends GenericKind {
  spec: AddressScopeSpec
  status?: AddressScopeStatus
}

import type { CloudSpec, CloudStatus } from './types/cloud.js'
export type { CloudSpec, CloudStatus } from './types/cloud.js'
/** The cloud itself: one object with the name default. It holds the incarnation and the defaults of the other kinds. */
export declare class Cloud extends GenericKind {
  spec: CloudSpec
  status?: CloudStatus
}

import type { ComputeNodeSpec, ComputeNodeStatus } from './types/computenode.js'
export type { ComputeNodeSpec, ComputeNodeStatus } from './types/computenode.js'
/** A node of the cloud, named as its Kubernetes Node. The operator makes it from what the node's agent reports; people write its spec. */
export declare class ComputeNode extends GenericKind {
  spec: ComputeNodeSpec
  status?: ComputeNodeStatus
}

import type { ConsoleAccessSpec, ConsoleAccessStatus } from './types/consoleaccess.js'
export type { ConsoleAccessSpec, ConsoleAccessStatus } from './types/consoleaccess.js'
/** A console of a machine, for one use: its URL is in the status, its token in a Secret; it goes by itself. */
export declare class ConsoleAccess extends GenericKind {
  spec: ConsoleAccessSpec
  status?: ConsoleAccessStatus
}

import type { FirewallGroupSpec, FirewallGroupStatus } from './types/firewallgroup.js'
export type { FirewallGroupSpec, FirewallGroupStatus } from './types/firewallgroup.js'
/** What may pass the ports of Routers, by policies, for all Ports behind them. It comes before SecurityGroups, which judge what it lets pass. What stays within a Subnet it does not see. */
export declare class FirewallGroup extends GenericKind {
  spec: FirewallGroupSpec
  status?: FirewallGroupStatus
}

import type { FirewallPolicySpec, FirewallPolicyStatus } from './types/firewallpolicy.js'
export type { FirewallPolicySpec, FirewallPolicyStatus } from './types/firewallpolicy.js'
/** Rules in an order, for FirewallGroups to name. It does nothing by itself. Of the rules that match a packet the first one of enabled rules decides. */
export declare class FirewallPolicy extends GenericKind {
  spec: FirewallPolicySpec
  status?: FirewallPolicyStatus
}

import type { FlavorSpec, FlavorStatus } from './types/flavor.js'
export type { FlavorSpec, FlavorStatus } from './types/flavor.js'
/** A size of machines. Its spec never changes, so that an Instance is always what its flavor says. */
export declare class Flavor extends GenericKind {
  spec: FlavorSpec
  status?: FlavorStatus
}

import type { FloatingIPSpec, FloatingIPStatus } from './types/floatingip.js'
export type { FloatingIPSpec, FloatingIPStatus } from './types/floatingip.js'
/** An address of an external Network that leads to a Port: what is behind it can be reached from outside, and moves without a change of the address. */
export declare class FloatingIP extends GenericKind {
  spec: FloatingIPSpec
  status?: FloatingIPStatus
}

import type { HostAggregateSpec, HostAggregateStatus } from './types/hostaggregate.js'
export type { HostAggregateSpec, HostAggregateStatus } from './types/hostaggregate.js'
/** A set of nodes with something in common, as in Nova: what its metadata says of them is read by filters and weighers of the scheduler, and it may be an availability zone. A node may be in several. */
export declare class HostAggregate extends GenericKind {
  spec: HostAggregateSpec
  status?: HostAggregateStatus
}

import type { ImageSpec, ImageStatus } from './types/image.js'
export type { ImageSpec, ImageStatus } from './types/image.js'
/** A disk image that machines boot from. It is fetched once by one node, checked, and then cached where machines need it. */
export declare class Image extends GenericKind {
  spec: ImageSpec
  status?: ImageStatus
}

import type { ImageStoreSpec, ImageStoreStatus } from './types/imagestore.js'
export type { ImageStoreSpec, ImageStoreStatus } from './types/imagestore.js'
/** A place for the bytes of Images that are made here, such as snapshots of machines. */
export declare class ImageStore extends GenericKind {
  spec: ImageStoreSpec
  status?: ImageStoreStatus
}

import type { InstanceActionSpec, InstanceActionStatus } from './types/instanceaction.js'
export type { InstanceActionSpec, InstanceActionStatus } from './types/instanceaction.js'
/** Something that is done to a machine once, and its place in the history: it is never repeated, and goes by itself. */
export declare class InstanceAction extends GenericKind {
  spec: InstanceActionSpec
  status?: InstanceActionStatus
}

import type { InstanceSpec, InstanceStatus } from './types/instance.js'
export type { InstanceSpec, InstanceStatus } from './types/instance.js'
/** A virtual machine. */
export declare class Instance extends GenericKind {
  spec: InstanceSpec
  status?: InstanceStatus
}

import type { IPClaimSpec } from './types/ipclaim.js'
export type { IPClaimSpec } from './types/ipclaim.js'
/** Holds addresses of a Subnet, of one block of 16: which are taken, and by which Ports. Made, changed and removed by the operator alone. */
export declare class IPClaim extends GenericKind {
  spec: IPClaimSpec
}

import type { KeyPairSpec, KeyPairStatus } from './types/keypair.js'
export type { KeyPairSpec, KeyPairStatus } from './types/keypair.js'
/** A public SSH key that guests get from the metadata service. */
export declare class KeyPair extends GenericKind {
  spec: KeyPairSpec
  status?: KeyPairStatus
}

import type { LoadBalancerSpec, LoadBalancerStatus } from './types/loadbalancer.js'
export type { LoadBalancerSpec, LoadBalancerStatus } from './types/loadbalancer.js'
/** An address whose connections are shared by several machines. Every node does it for TCP, UDP and SCTP, and members see the address of who asks; for HTTP proxies on gateway nodes do. */
export declare class LoadBalancer extends GenericKind {
  spec: LoadBalancerSpec
  status?: LoadBalancerStatus
}

import type { NetworkSpec, NetworkStatus } from './types/network.js'
export type { NetworkSpec, NetworkStatus } from './types/network.js'
/** A virtual network: one layer-2 segment that reaches over all nodes. */
export declare class Network extends GenericKind {
  spec: NetworkSpec
  status?: NetworkStatus
}

import type { PlacementPreviewSpec, PlacementPreviewStatus } from './types/placementpreview.js'
export type { PlacementPreviewSpec, PlacementPreviewStatus } from './types/placementpreview.js'
/** A question: where would machines go now, and if nowhere, why? It is answered once, by what the scheduler decides by; nothing is placed or kept free by it, and it goes by itself. */
export declare class PlacementPreview extends GenericKind {
  spec: PlacementPreviewSpec
  status?: PlacementPreviewStatus
}

import type { PortSpec, PortStatus } from './types/port.js'
export type { PortSpec, PortStatus } from './types/port.js'
/** A place on a Network: a MAC address and addresses that stay with it for life. An Instance names it, or gets one made. */
export declare class Port extends GenericKind {
  spec: PortSpec
  status?: PortStatus
}

import type { ProviderNetworkSpec, ProviderNetworkStatus } from './types/providernetwork.js'
export type { ProviderNetworkSpec, ProviderNetworkStatus } from './types/providernetwork.js'
/** A physical network that nodes are connected to: Networks of spec.provider are on it, as an external Network of routers and floating IPs is. */
export declare class ProviderNetwork extends GenericKind {
  spec: ProviderNetworkSpec
  status?: ProviderNetworkStatus
}

import type { QoSPolicySpec, QoSPolicyStatus } from './types/qospolicy.js'
export type { QoSPolicySpec, QoSPolicyStatus } from './types/qospolicy.js'
/** What traffic may take and how it is marked. It does nothing by itself; Ports, Networks (for their Ports), Routers (for their gateway) and FloatingIPs name it, and each of them has the whole of its limits. */
export declare class QoSPolicy extends GenericKind {
  spec: QoSPolicySpec
  status?: QoSPolicyStatus
}

import type { QuotaSpec, QuotaStatus } from './types/quota.js'
export type { QuotaSpec, QuotaStatus } from './types/quota.js'
/** The most that a project may have. Only administrators of the cloud write it. */
export declare class Quota extends GenericKind {
  spec: QuotaSpec
  status?: QuotaStatus
}

import type { ReachabilitySpec, ReachabilityStatus } from './types/reachability.js'
export type { ReachabilitySpec, ReachabilityStatus } from './types/reachability.js'
/** A question: does a packet get from here to there, and its answer back? It is answered once, from the tables by which the network forwards, and goes by itself. */
export declare class Reachability extends GenericKind {
  spec: ReachabilitySpec
  status?: ReachabilityStatus
}

import type { RouterSpec, RouterStatus } from './types/router.js'
export type { RouterSpec, RouterStatus } from './types/router.js'
/** Joins Subnets: their machines reach each other through it. Distributed: every node routes for its own machines. */
export declare class Router extends GenericKind {
  spec: RouterSpec
  status?: RouterStatus
}

import type { SchedulerProfileSpec, SchedulerProfileStatus } from './types/schedulerprofile.js'
export type { SchedulerProfileSpec, SchedulerProfileStatus } from './types/schedulerprofile.js'
/** How nodes are chosen for machines: which filters and weighers, in which order. The one named default is for all machines whose Flavor names no other in its extra spec nephele:scheduler_profile. Where there is none of that name, default, chance and simple are built in. */
export declare class SchedulerProfile extends GenericKind {
  spec: SchedulerProfileSpec
  status?: SchedulerProfileStatus
}

import type { SecurityGroupSpec, SecurityGroupStatus } from './types/securitygroup.js'
export type { SecurityGroupSpec, SecurityGroupStatus } from './types/securitygroup.js'
/** What may reach Ports and what they may send. What no rule lets in is dropped; out passes everything unless the group has rules of direction egress or denyEgress. Answers pass unless the group is stateless. The group `default` of a namespace is made when it is first needed. */
export declare class SecurityGroup extends GenericKind {
  spec: SecurityGroupSpec
  status?: SecurityGroupStatus
}

import type { ServerGroupSpec, ServerGroupStatus } from './types/servergroup.js'
export type { ServerGroupSpec, ServerGroupStatus } from './types/servergroup.js'
/** Machines that belong together, or apart: spec.serverGroupRef of an Instance makes it a member, and its policy says how they share nodes. */
export declare class ServerGroup extends GenericKind {
  spec: ServerGroupSpec
  status?: ServerGroupStatus
}

import type { StoragePoolSpec, StoragePoolStatus } from './types/storagepool.js'
export type { StoragePoolSpec, StoragePoolStatus } from './types/storagepool.js'
/** A place for Volumes on nodes with the storage role. */
export declare class StoragePool extends GenericKind {
  spec: StoragePoolSpec
  status?: StoragePoolStatus
}

import type { SubnetPoolSpec, SubnetPoolStatus } from './types/subnetpool.js'
export type { SubnetPoolSpec, SubnetPoolStatus } from './types/subnetpool.js'
/** Ranges of addresses from which Subnets get theirs. */
export declare class SubnetPool extends GenericKind {
  spec: SubnetPoolSpec
  status?: SubnetPoolStatus
}

import type { SubnetSpec, SubnetStatus } from './types/subnet.js'
export type { SubnetSpec, SubnetStatus } from './types/subnet.js'
/** A range of addresses of a Network of the same namespace, with the DHCP service for it: one that is written, or that a SubnetPool gives. */
export declare class Subnet extends GenericKind {
  spec: SubnetSpec
  status?: SubnetStatus
}

import type { TrunkSpec, TrunkStatus } from './types/trunk.js'
export type { TrunkSpec, TrunkStatus } from './types/trunk.js'
/** Ports on one interface of a machine: what the guest sends with a VLAN tag on it comes in at the subport with that tag, as if it had an interface there. */
export declare class Trunk extends GenericKind {
  spec: TrunkSpec
  status?: TrunkStatus
}

import type { VolumeSpec, VolumeStatus } from './types/volume.js'
export type { VolumeSpec, VolumeStatus } from './types/volume.js'
/** A disk that outlives machines. An Instance that names it in spec.volumes gets it attached. */
export declare class Volume extends GenericKind {
  spec: VolumeSpec
  status?: VolumeStatus
}

import type { VolumeTypeSpec, VolumeTypeStatus } from './types/volumetype.js'
export type { VolumeTypeSpec, VolumeTypeStatus } from './types/volumetype.js'
/** A sort of Volumes: where they are kept. */
export declare class VolumeType extends GenericKind {
  spec: VolumeTypeSpec
  status?: VolumeTypeStatus
}

import type { VPNConnectionSpec, VPNConnectionStatus } from './types/vpnconnection.js'
export type { VPNConnectionSpec, VPNConnectionStatus } from './types/vpnconnection.js'
/** One tunnel of a VPNService to a peer: networks behind both reach each other. */
export declare class VPNConnection extends GenericKind {
  spec: VPNConnectionSpec
  status?: VPNConnectionStatus
}

import type { VPNServiceSpec, VPNServiceStatus } from './types/vpnservice.js'
export type { VPNServiceSpec, VPNServiceStatus } from './types/vpnservice.js'
/** Site-to-site VPN of one Router: VPNConnections join its Subnets to networks of others by IPsec (IKEv2). */
export declare class VPNService extends GenericKind {
  spec: VPNServiceSpec
  status?: VPNServiceStatus
}
