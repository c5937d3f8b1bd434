// SPDX-License-Identifier: Apache-2.0
import { TLS_LABEL } from '../../lib/api/kinds.ts'
import { judgeCertificates, type Memory } from '../certificates/judge.ts'
import { noticedSoon } from '../secrets/look-again.ts'
import { readSecret, type SecretAccess } from '../secrets/read-secret.ts'
import { SERVER_USAGE, type TlsCertificate } from './server-certificate.ts'

export type ReadCertificate = { ok: true; certificate: TlsCertificate } | { ok: false; reason: string; message: string }

export interface SecretReading extends SecretAccess {
  now: Date
  /** The namespace of the operator's ServiceAccount, for messages. */
  ownNamespace: string
  /** Of this Secret, from one reading to the next. */
  memory?: Memory<TlsCertificate>
}

const TYPE = 'kubernetes.io/tls'

/** @param field for messages: where the Secret is named */
export async function readTlsSecret(
  namespace: string,
  name: string,
  field: string,
  { client, signal, now, ownNamespace, memory }: SecretReading,
): Promise<ReadCertificate> {
  const what = `Secret ${namespace}/${name} in ${field}`
  const read = await readSecret({ namespace, name }, what, ownNamespace, { client, signal })
  if (!read.ok) return lacking(read)
  const { secret } = read
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
  const verdict = judgeCertificates(secret.data, SERVER_USAGE, now, memory)
  return verdict.ok ? verdict : lacking({ ...verdict, message: `${what}: ${verdict.message}` })
}

function lacking({ reason, message }: { reason: string; message: string }): ReadCertificate {
  return { ok: false, reason, message: noticedSoon(message) }
}
