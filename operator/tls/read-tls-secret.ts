// SPDX-License-Identifier: Apache-2.0
import { SECRET, TLS_LABEL } from '../../lib/api/kinds.ts'
import type { Secret } from '../../lib/api/types.ts'
import type { KubeReader } from '../../lib/kube/client.ts'
import { isForbidden } from '../../lib/kube/errors.ts'
import { judgeCertificate, type Memory, type TlsCertificate } from './judge-certificate.ts'

export type ReadCertificate = { ok: true; certificate: TlsCertificate } | { ok: false; reason: string; message: string }

export interface SecretReading {
  client: Pick<KubeReader, 'find'>
  signal: AbortSignal
  now: Date
  /** The namespace of the operator's ServiceAccount, for messages. */
  ownNamespace: string
  /** Of this Secret, from one reading to the next. */
  memory?: Memory
}

const TYPE = 'kubernetes.io/tls'
/** The ClusterRole that a namespace binds to the operator's ServiceAccount, which otherwise may read no Secrets there. */
const SECRETS_ROLE = 'nephele-user-data'

/** @param field for messages: where the Secret is named */
export async function readTlsSecret(
  namespace: string,
  name: string,
  field: string,
  { client, signal, now, ownNamespace, memory }: SecretReading,
): Promise<ReadCertificate> {
  const what = `Secret ${namespace}/${name} in ${field}`
  const secret = await client.find<Secret>(SECRET, { namespace, name }, { signal }).catch((error: unknown) => {
    if (isForbidden(error)) return 'forbidden' as const
    throw error
  })
  if (secret === 'forbidden')
    return lacking({
      reason: 'SecretNotPermitted',
      message:
        `the operator may not read ${what}, since namespace ${namespace} lets it read none: run kubectl create rolebinding -n ${namespace} ` +
        `${SECRETS_ROLE} --clusterrole=${SECRETS_ROLE} --serviceaccount=${ownNamespace}:nephele-operator`,
    })
  if (!secret) return lacking({ reason: 'SecretNotFound', message: `${what} does not exist: create it` })
  if (secret.type !== TYPE)
    return lacking({
      reason: 'SecretNotTLS',
      message: `${what} is not of type ${TYPE}: make one by kubectl create secret tls`,
    })
  if (secret.metadata.labels?.[TLS_LABEL] !== 'true')
    return lacking({
      reason: 'SecretNotTLS',
      message: `${what} is not marked as a certificate of LoadBalancers: run kubectl label secret -n ${namespace} ${name} ${TLS_LABEL}=true`,
    })
  const bytes = (key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64')
  const verdict = judgeCertificate(bytes('tls.crt'), bytes('tls.key'), now, memory)
  return verdict.ok ? verdict : lacking({ ...verdict, message: `${what}: ${verdict.message}` })
}

function lacking({ reason, message }: { reason: string; message: string }): ReadCertificate {
  return { ok: false, reason, message: `${message}, which is noticed within a minute` }
}
