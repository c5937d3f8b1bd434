// SPDX-License-Identifier: Apache-2.0
// From a token to permissions on the bus: agents get their node's, accounts of a project its notifications.
import { agentPermissions, subscriberPermissions, type Permissions } from '../../lib/contract/permissions.ts'
import { identify, RefusedToken, type CreateTokenReview, type Identity } from './token-review.ts'

/**
 * May the user watch Instances in the namespace (undefined: in all)? By SubjectAccessReview, so that notifications follow the same RBAC
 * as the objects they tell of.
 */
export type MayWatch = (user: { username: string; groups: string[] }, namespace: string | undefined) => Promise<boolean>

export interface Authorizer {
  createTokenReview: CreateTokenReview
  /** Absent: nobody but agents is let in. */
  mayWatch?: MayWatch
}

export interface Authorization {
  /** For logs: `agent:<node>` or the account's name. */
  name: string
  permissions: Permissions
}

/** @throws RefusedToken; anything else means that the apiserver could not be asked */
export async function authorize(token: string, authorizer: Authorizer, signal: AbortSignal): Promise<Authorization> {
  const identity = await identify(token, authorizer.createTokenReview, signal)
  if (identity.kind === 'agent') {
    return { name: `agent:${identity.node}`, permissions: agentPermissions(identity.node) }
  }
  return authorizeSubscriber(identity, authorizer.mayWatch)
}

const SERVICE_ACCOUNT = /^system:serviceaccount:([a-z0-9]([-a-z0-9]*[a-z0-9])?):[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/

async function authorizeSubscriber(
  identity: Extract<Identity, { kind: 'account' }>,
  mayWatch: MayWatch | undefined,
): Promise<Authorization> {
  const { username } = identity
  const namespace = SERVICE_ACCOUNT.exec(username)?.[1]
  if (mayWatch && (await mayWatch(identity, undefined))) {
    return { name: username, permissions: subscriberPermissions(undefined) }
  }
  if (mayWatch && namespace !== undefined && (await mayWatch(identity, namespace))) {
    return { name: username, permissions: subscriberPermissions(namespace) }
  }
  throw new RefusedToken(`${username} is no agent and may not watch instances`)
}
