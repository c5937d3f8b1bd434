// SPDX-License-Identifier: Apache-2.0
// The custom resources as typed objects. The specs and statuses are made from crds/; only names are given here.
import type { CloudSpec, CloudStatus } from '../../crds/generated/cloud.ts'
import type { ComputeNodeSpec, ComputeNodeStatus } from '../../crds/generated/computenode.ts'
import type { FlavorSpec, FlavorStatus } from '../../crds/generated/flavor.ts'
import type { ImageSpec, ImageStatus } from '../../crds/generated/image.ts'
import type { InstanceSpec, InstanceStatus } from '../../crds/generated/instance.ts'
import type { IPClaimSpec } from '../../crds/generated/ipclaim.ts'
import type { KeyPairSpec, KeyPairStatus } from '../../crds/generated/keypair.ts'
import type { NetworkSpec, NetworkStatus } from '../../crds/generated/network.ts'
import type { PortSpec, PortStatus } from '../../crds/generated/port.ts'
import type { SecurityGroupSpec, SecurityGroupStatus } from '../../crds/generated/securitygroup.ts'
import type { StoragePoolSpec, StoragePoolStatus } from '../../crds/generated/storagepool.ts'
import type { SubnetSpec, SubnetStatus } from '../../crds/generated/subnet.ts'
import type { VolumeSpec, VolumeStatus } from '../../crds/generated/volume.ts'
import type { VolumeTypeSpec, VolumeTypeStatus } from '../../crds/generated/volumetype.ts'
import type { KubeObject } from '../kube/object.ts'

/** A custom resource as the apiserver gives it: the schema requires or defaults `spec`, so it is always there. */
export interface Resource<Spec, Status> extends KubeObject<Spec, Status> {
  spec: Spec
}

export type Cloud = Resource<CloudSpec, CloudStatus>
export type ComputeNode = Resource<ComputeNodeSpec, ComputeNodeStatus>
export type Flavor = Resource<FlavorSpec, FlavorStatus>
export type Image = Resource<ImageSpec, ImageStatus>
export type Instance = Resource<InstanceSpec, InstanceStatus>
export type IPClaim = Resource<IPClaimSpec, never>
export type KeyPair = Resource<KeyPairSpec, KeyPairStatus>
export type Network = Resource<NetworkSpec, NetworkStatus>
export type Port = Resource<PortSpec, PortStatus>
export type SecurityGroup = Resource<SecurityGroupSpec, SecurityGroupStatus>
export type StoragePool = Resource<StoragePoolSpec, StoragePoolStatus>
export type Subnet = Resource<SubnetSpec, SubnetStatus>
export type Volume = Resource<VolumeSpec, VolumeStatus>
export type VolumeType = Resource<VolumeTypeSpec, VolumeTypeStatus>

/** One of `spec.networks` of an Instance. */
export type InstanceNetwork = NonNullable<InstanceSpec['networks']>[number]
/** One of `spec.rules` of a SecurityGroup. */
export type SecurityGroupRule = NonNullable<SecurityGroupSpec['rules']>[number]

/** Core kinds, with the fields that are used. */
export interface Secret extends KubeObject {
  type?: string
  /** Values in base64. */
  data?: Record<string, string>
}

export interface KubeNode extends KubeObject<{ unschedulable?: boolean }> {
  status?: { addresses?: { type: string; address: string }[]; conditions?: { type: string; status: string }[] }
}

/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/ */
export interface LeaseSpec {
  holderIdentity?: string
  leaseDurationSeconds?: number
  /** RFC 3339 with microseconds. */
  acquireTime?: string
  renewTime?: string
  leaseTransitions?: number
}
export type Lease = KubeObject<LeaseSpec>

/** events.k8s.io/v1: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ */
export interface KubeEvent extends KubeObject {
  eventTime: string
  reportingController: string
  reportingInstance: string
  action: string
  reason: string
  note?: string
  type: 'Normal' | 'Warning'
  regarding: {
    apiVersion: string
    kind: string
    name: string
    namespace?: string
    uid: string
    resourceVersion?: string
  }
  series?: { count: number; lastObservedTime: string }
}
