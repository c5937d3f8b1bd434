// SPDX-License-Identifier: Apache-2.0
// Service account tokens for the operator and the agents, as a kubelet would project them: TokenRequest, bound to the Node where
// there is one, written whole, renewed long before they end.
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Api } from '../control-plane/api.ts'

export const NAMESPACE = 'nephele-system'
const LIFETIME_SECONDS = 3600

export interface TokenFile {
  serviceAccount: string
  /** Absent: the apiserver's own audience. */
  audience?: string
  /** The Node object that the token is bound to: TokenReview then names it. */
  node?: { name: string; uid: string }
  path: string
}

/** https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/ */
export async function renewToken(api: Api, file: TokenFile): Promise<void> {
  const path = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${encodeURIComponent(file.serviceAccount)}/token`
  const answer = await api.request<{ status: { token: string } }>('POST', path, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      expirationSeconds: LIFETIME_SECONDS,
      ...(file.audience ? { audiences: [file.audience] } : {}),
      ...(file.node ? { boundObjectRef: { apiVersion: 'v1', kind: 'Node', ...file.node } } : {}),
    },
  })
  await mkdir(dirname(file.path), { recursive: true, mode: 0o700 })
  // The folder, not the file, is mounted into a node: a rename is seen there.
  await writeFile(`${file.path}.new`, answer.status.token, { mode: 0o600 })
  await rename(`${file.path}.new`, file.path)
}

/** Renews all every third of their life until aborted; a failure is tried again after ten seconds. */
export async function keepTokens(
  api: Api,
  files: readonly TokenFile[],
  wait: (ms: number) => Promise<void>,
  onError: (error: unknown) => void,
): Promise<never> {
  for (;;) {
    await wait((LIFETIME_SECONDS / 3) * 1000)
    for (;;) {
      try {
        for (const file of files) await renewToken(api, file)
        break
      } catch (error) {
        onError(error)
        await wait(10_000)
      }
    }
  }
}
