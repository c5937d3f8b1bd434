// SPDX-License-Identifier: Apache-2.0
import { CONFIG_MAP } from '../../lib/api/kinds.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import { CERTIFICATE_ENDS } from '../../lib/pki/certificate-ends.ts'
import type { CertificateEnds } from './certificate-watch.ts'

type ConfigMap = KubeObject & { data?: Record<string, string> }

/** As bootstrap wrote them; none where it did not, and without those that are no dates. */
export async function readCertificateEnds(
  client: Pick<KubeClient, 'find'>,
  namespace: string,
  signal: AbortSignal,
): Promise<CertificateEnds> {
  const found = await client.find<ConfigMap>(CONFIG_MAP, { namespace, name: CERTIFICATE_ENDS }, { signal })
  const ends = Object.entries(found?.data ?? {}).map(([secret, end]) => [secret, new Date(end)] as const)
  return new Map(ends.filter(([, end]) => !Number.isNaN(end.getTime())))
}
