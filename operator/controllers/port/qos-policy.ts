// SPDX-License-Identifier: Apache-2.0
// The limits of a port's traffic: its own policy, or else the one of its network.
import type { Network, Port, QoSPolicy } from '../../../lib/api/types.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { found, missing, type Found } from '../../kind/found.ts'
import type { Caches } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { applyPolicy } from '../qos-policy/apply.ts'
import { resolvePolicy } from '../qos-policy/users.ts'
import { qosPolicy } from './kind.ts'

type PolicyCaches = Pick<Caches, 'qosPolicies'>

/** Undefined: nothing limits it. */
export function resolvePortPolicy(port: Port, network: Network, caches: PolicyCaches): Found<QoSPolicy | undefined> {
  // Refused for the port, and for the network: what it had goes.
  if (network.status?.controller !== undefined) return found(undefined)
  if (port.spec.qosPolicyRef) return resolvePolicy(qosPolicy, port, caches)
  if (network.spec.qosPolicyRef === undefined) return found(undefined)
  const uid = network.status?.qosPolicyUID
  const policy = uid === undefined ? undefined : caches.qosPolicies.findByUid(uid)
  if (policy) return found(policy)
  const key = keyOfObject(network)
  const message = `Network ${key} in spec.networkRef names a QoSPolicy that it does not have yet: see the conditions of Network ${key}`
  return missing('QoSPolicyNotFound', message)
}

/** What a policy asks for and a port can never have where it is; all else of it takes effect. */
export function whyNotSetAside(
  policy: QoSPolicy | undefined,
  { spec, status, metadata }: Network,
): Outcome | undefined {
  const asks = (policy?.spec.minimumBandwidths ?? []).length > 0
  if (!policy || !asks || spec.provider !== undefined || status?.physicalNetwork !== undefined) return undefined
  const key = keyOfObject({ metadata })
  const message = `QoSPolicy ${keyOfObject(policy)} sets bandwidth aside, which Network ${key} has none of, since it is not on a ProviderNetwork: write another qosPolicyRef, without minimumBandwidths, or make the Port on another Network`
  return waitFor('NotOnProviderNetwork', message)
}

export async function applyPortPolicy(
  port: Port,
  network: Network,
  policy: QoSPolicy | undefined,
  deps: Pick<OperatorDeps, 'network'>,
  signal: AbortSignal,
): Promise<void> {
  const portUid = port.metadata.uid
  await applyPolicy(port, policy, { networkUid: network.metadata.uid, target: { what: 'port', portUid } }, deps, signal)
}

/** Of a port that keeps its row: what it had. */
export async function keepPortPolicy(
  port: Port,
  network: Network,
  deps: Pick<OperatorDeps, 'network'> & { caches: PolicyCaches },
  signal: AbortSignal,
): Promise<void> {
  const uid = port.status?.qosPolicyUID
  const policy = uid === undefined ? undefined : deps.caches.qosPolicies.findByUid(uid)
  if (policy) await applyPortPolicy(port, network, policy, deps, signal)
}
