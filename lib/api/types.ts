// SPDX-License-Identifier: Apache-2.0
// The types of the objects that we read and write. Our own are generated from crds/; only parts that have no name there are named here.
import type { InstanceSpec } from '../../crds/generated/instance.ts'
import type { SecurityGroupSpec } from '../../crds/generated/securitygroup.ts'
import type { KubeObject } from '../kube/object.ts'

export type * from './generated/types.ts'

/** One of `spec.networks` of an Instance. */
export type InstanceNetwork = NonNullable<InstanceSpec['networks']>[number]
/** One of `spec.rules` of a SecurityGroup. */
export type SecurityGroupRule = NonNullable<SecurityGroupSpec['rules']>[number]

/** Core kinds, with the fields that are used. */
export interface Secret extends KubeObject {
  type?: string
  immutable?: boolean
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
