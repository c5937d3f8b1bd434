// SPDX-License-Identifier: Apache-2.0
import { stringify } from 'yaml'

export interface KubeconfigOptions {
  server: string
  /** PEM. */
  certificateAuthority: string
  user: { certificate: string; key: string } | { tokenFile: string }
  cluster?: string
  namespace?: string
}

/** A kubeconfig with one context. https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ */
export function kubeconfig(o: KubeconfigOptions): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const name = o.cluster ?? 'nephele'
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server: o.server, 'certificate-authority-data': base64(o.certificateAuthority) } }],
    users: [
      {
        name,
        user:
          'tokenFile' in o.user
            ? { tokenFile: o.user.tokenFile }
            : {
                'client-certificate-data': base64(o.user.certificate),
                'client-key-data': base64(o.user.key),
              },
      },
    ],
    contexts: [{ name, context: { cluster: name, user: name, ...(o.namespace ? { namespace: o.namespace } : {}) } }],
    'current-context': name,
  })
}
