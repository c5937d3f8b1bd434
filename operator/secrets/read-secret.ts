// SPDX-License-Identifier: Apache-2.0
// Secrets that users name are read one by one, where a namespace lets the operator (decision 32).
import { SECRET } from '../../lib/api/kinds.ts'
import type { Secret } from '../../lib/api/types.ts'
import type { KubeReader } from '../../lib/kube/client.ts'
import { isForbidden } from '../../lib/kube/errors.ts'

/** The ClusterRole that a namespace binds to the operator's ServiceAccount, which otherwise may read no Secrets there. */
export const SECRETS_ROLE = 'nephele-user-data'

export interface SecretAccess {
  client: Pick<KubeReader, 'find'>
  signal: AbortSignal
}

export type ReadSecret = { ok: true; secret: Secret } | { ok: false; reason: string; message: string }

/** @returns `forbidden` where the namespace lets the operator read none; undefined: there is none of that name */
export function findSecret(
  at: { namespace?: string; name: string },
  { client, signal }: SecretAccess,
): Promise<Secret | 'forbidden' | undefined> {
  return client.find<Secret>(SECRET, at, { signal }).catch((error: unknown) => {
    if (isForbidden(error)) return 'forbidden' as const
    throw error
  })
}

/**
 * @param what the Secret and the field that names it, for messages
 * @param ownNamespace the namespace of the operator's ServiceAccount, for messages
 */
export async function readSecret(
  at: { namespace: string; name: string },
  what: string,
  ownNamespace: string,
  access: SecretAccess,
): Promise<ReadSecret> {
  const { namespace } = at
  const secret = await findSecret(at, access)
  if (secret === 'forbidden')
    return {
      ok: false,
      reason: 'SecretNotPermitted',
      message:
        `the operator may not read ${what}, since namespace ${namespace} lets it read none: run kubectl create rolebinding -n ${namespace} ` +
        `${SECRETS_ROLE} --clusterrole=${SECRETS_ROLE} --serviceaccount=${ownNamespace}:nephele-operator`,
    }
  if (!secret) return { ok: false, reason: 'SecretNotFound', message: `${what} does not exist: create it` }
  return { ok: true, secret }
}
