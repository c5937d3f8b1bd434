// SPDX-License-Identifier: Apache-2.0
import type { Condition } from '../conditions.ts'

export interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
  blockOwnerDeletion?: boolean
}

export interface ObjectMeta {
  name: string
  namespace?: string
  uid: string
  resourceVersion: string
  generation?: number
  creationTimestamp?: string
  deletionTimestamp?: string
  finalizers?: string[]
  labels?: Record<string, string>
  annotations?: Record<string, string>
  ownerReferences?: OwnerReference[]
}

/** The common part of all our statuses. */
export interface CommonStatus {
  observedGeneration?: number
  conditions?: Condition[]
  /** The OpenStack state, for people; derived, never read back. */
  state?: string
}

export interface KubeObject<Spec = unknown, Status = unknown> {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: Spec
  status?: Status
}

/** Where a kind lives in the API: enough to build its URLs. */
export interface ResourceKind {
  /** Empty for the core group. */
  group: string
  version: string
  plural: string
  kind: string
  namespaced: boolean
}

export function apiVersionOf(kind: ResourceKind): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
}

/** Names one object of a kind; `namespace` is absent for cluster-scoped kinds. */
export interface ObjectRef {
  namespace?: string | undefined
  name: string
}

/** `namespace/name`, or `name` for cluster-scoped objects: what queues and caches use. Neither part can hold a slash. */
export type ObjectKey = string

export function keyOfRef(ref: ObjectRef): ObjectKey {
  return ref.namespace ? `${ref.namespace}/${ref.name}` : ref.name
}

export function keyOfObject(object: KubeObject): ObjectKey {
  return keyOfRef(object.metadata)
}

export function refOfKey(key: ObjectKey): ObjectRef {
  const slash = key.indexOf('/')
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

/** A custom resource of ours as the apiserver gives it: the schema requires or defaults `spec`, so it is always there. */
export interface Resource<Spec, Status> extends KubeObject<Spec, Status> {
  spec: Spec
}
