// SPDX-License-Identifier: Apache-2.0
import type { LoadBalancer } from '../../../lib/api/types.ts'
import { sealedUse, type BalancerCertificate } from '../../../lib/contract/documents.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import { isSealingKey, recipientOf, seal } from '../../../lib/pki/sealed.ts'
import type { CertificateInUse, ListenerCertificates } from '../../tls/certificate-store.ts'
import type { OperatorDeps } from '../common/deps.ts'

/** What one node is told of certificates. */
export interface NodeCertificates {
  /** By name of the listener, names of those that it shows; a listener without one is not served. */
  listeners: ReadonlyMap<string, readonly string[]>
  certificates: readonly BalancerCertificate[]
  lacks: readonly Outcome[]
}

/** Sealed once for each node and certificate: sealing again would give another text, and the node a change that is none. */
export function sealFor(
  { metadata }: LoadBalancer,
  node: string,
  listeners: ListenerCertificates,
  { caches }: Pick<OperatorDeps, 'caches'>,
): NodeCertificates {
  const key = caches.computeNodes.find(undefined, node)?.status?.sealingKey
  const certificates = new Map<string, BalancerCertificate>()
  for (const one of [...listeners.values()].flat()) {
    const sealedKey = certificates.has(one.secret) ? undefined : sealedOf(one, { uid: metadata.uid, node, key })
    if (sealedKey !== undefined) certificates.set(one.secret, { name: one.secret, chain: one.chain, sealedKey })
  }
  const served = [...listeners].map(
    ([name, all]) => [name, all.map(({ secret }) => secret).filter((secret) => certificates.has(secret))] as const,
  )
  // The fault of one node keeps nothing from the other.
  const isWithoutKey =
    [...listeners.values()].flat().some(({ secret }) => !certificates.has(secret)) &&
    (key === undefined || !isSealingKey(key))
  return {
    listeners: new Map(served.filter(([, names]) => names.length > 0)),
    certificates: [...certificates.values()],
    lacks: isWithoutKey ? [withoutKey(node)] : [],
  }
}

/** Undefined: the node is not known to have a key, announces one that is none, or it has another one since and the private key is not known any more. */
function sealedOf(
  { secret, key: privateKey, sealed }: CertificateInUse,
  { uid, node, key }: { uid: string; node: string; key: string | undefined },
): string | undefined {
  const had = sealed.get(node)
  if (had !== undefined && (key === undefined || recipientOf(had) === key)) return had
  if (key === undefined || privateKey === undefined || !isSealingKey(key)) return undefined
  const made = seal(privateKey, key, { node, uid, ...sealedUse(secret) })
  sealed.set(node, made)
  return made
}

function withoutKey(node: string): Outcome {
  const message = `node ${node} announces no key for which private keys could be sealed, and serves no HTTPS: upgrade its agent, or look into its log (kubectl get computenode ${node})`
  return waitFor('SealingKeyMissing', message)
}
