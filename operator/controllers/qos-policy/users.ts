// SPDX-License-Identifier: Apache-2.0
// What all that can name a QoSPolicy have in common: the policy that they ask for in their spec, and the one that they have by their status.
import type { QoSPolicy } from '../../../lib/api/types.ts'
import { keyOfObject, refOfKey, type KubeObject, type ObjectRef } from '../../../lib/kube/object.ts'
import { found, type Found } from '../../kind/found.ts'
import { resolve } from '../../kind/resolve.ts'
import type { Caches, Reference } from '../../kind/row.ts'

export interface PolicyUser extends KubeObject {
  status?: { qosPolicy?: string; qosPolicyUID?: string }
}

/** The policy that its spec asks for. One that it has stays usable by it, also when it is no longer shared. */
export function wantedPolicy<T extends PolicyUser>(
  field: string,
  refOf: (user: T) => ObjectRef | undefined,
): Reference<T, 'qosPolicies'> {
  const has = ({ status }: T, { metadata }: QoSPolicy) => status?.qosPolicyUID === metadata.uid
  return {
    to: 'qosPolicies',
    refs: (user) => {
      const ref = refOf(user)
      return ref ? [{ ref, field }] : []
    },
    isKept: has,
    isGranted: has,
  }
}

/** The policy that it has, even if its spec names another by now. */
export function givenPolicy<T extends PolicyUser>(): Reference<T, 'qosPolicies'> {
  return {
    to: 'qosPolicies',
    refs: ({ status }) =>
      status?.qosPolicy === undefined ? [] : [{ ref: refOfKey(status.qosPolicy), field: 'status.qosPolicy' }],
    holds: () => true,
  }
}

/** Undefined: it asks for none. */
export function resolvePolicy<T extends PolicyUser>(
  reference: Reference<T, 'qosPolicies'>,
  user: T,
  caches: Pick<Caches, 'qosPolicies'>,
): Found<QoSPolicy | undefined> {
  const [named] = reference.refs(user)
  return named ? resolve(reference, user, named, caches) : found(undefined)
}

/** The policy that its traffic is to have now, wherever that goes: the wanted one, and while that is missing the one that it has. */
export function policyInEffect(
  wanted: Found<QoSPolicy | undefined>,
  { status }: PolicyUser,
  { qosPolicies }: Pick<Caches, 'qosPolicies'>,
): Found<QoSPolicy | undefined> {
  if (wanted.ok || status?.qosPolicyUID === undefined) return wanted
  const given = qosPolicies.findByUid(status.qosPolicyUID)
  return given ? found(given) : wanted
}

export function recordPolicy(user: PolicyUser, policy: QoSPolicy | undefined): void {
  const status = (user.status ??= {})
  if (policy) {
    status.qosPolicy = keyOfObject(policy)
    status.qosPolicyUID = policy.metadata.uid
  } else {
    delete status.qosPolicy
    delete status.qosPolicyUID
  }
}
