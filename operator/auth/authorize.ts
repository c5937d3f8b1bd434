// SPDX-License-Identifier: Apache-2.0
// From a token to permissions on the bus: agents get those of their node, a project's service accounts the project's notifications.
import {
  agentPermissions,
  consolePermissions,
  subscriberPermissions,
  type Permissions,
} from '../../lib/contract/permissions.ts'
import { APP_ACCOUNT, CONSOLES_ACCOUNT, NODES_ACCOUNT } from '../../lib/nats/server-config.ts'
import { identify, RefusedToken, type CreateTokenReview, type Identity } from './token-review.ts'

/**
 * May the user watch Instances in the namespace (undefined: in all)? By SubjectAccessReview, so that notifications follow the same RBAC
 * as the objects they tell of.
 */
export type MayWatch = (user: { username: string; groups: string[] }, namespace: string | undefined) => Promise<boolean>

/** Why the agent of this node may not connect; undefined: it may. Rejects while that is not known yet. */
export type WhyShut = (node: string) => Promise<string | undefined>

export interface Authorizer {
  createTokenReview: CreateTokenReview
  /** Absent: the agent of any node may come in. */
  whyShut?: WhyShut
  /** Absent: nobody but agents is let in. */
  mayWatch?: MayWatch
}

export interface Authorization {
  /** For logs: `agent:<node>` or the account's name. */
  name: string
  /** Whose logins are counted together: a node's, a user's, or those of all service accounts of a namespace. */
  holder: string
  /** Of the bus. */
  account: string
  permissions: Permissions
}

/** @throws RefusedToken; anything else means that the apiserver could not be asked */
export async function authorize(token: string, authorizer: Authorizer, signal: AbortSignal): Promise<Authorization> {
  const identity = await identify(token, authorizer.createTokenReview, signal)
  if (identity.kind === 'agent') {
    const { node } = identity
    const why = await authorizer.whyShut?.(node)
    if (why !== undefined) throw new RefusedToken(`node ${node} ${why}`)
    return {
      name: agentName(node),
      holder: agentName(node),
      account: NODES_ACCOUNT,
      permissions: agentPermissions(node),
    }
  }
  if (identity.kind === 'console')
    return { name: 'console', holder: 'console', account: CONSOLES_ACCOUNT, permissions: consolePermissions() }
  return authorizeSubscriber(identity, authorizer.mayWatch)
}

/** As servers know the session of a node's agent. No account of Kubernetes is named like this. */
export function agentName(node: string): string {
  return `agent:${node}`
}

const SERVICE_ACCOUNT = /^system:serviceaccount:([a-z0-9]([-a-z0-9]*[a-z0-9])?):[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/

async function authorizeSubscriber(
  identity: Extract<Identity, { kind: 'account' }>,
  mayWatch: MayWatch | undefined,
): Promise<Authorization> {
  const { username } = identity
  const namespace = SERVICE_ACCOUNT.exec(username)?.[1]
  const holder = namespace === undefined ? username : `namespace:${namespace}`
  if (mayWatch && (await mayWatch(identity, undefined))) {
    return { name: username, holder, account: APP_ACCOUNT, permissions: subscriberPermissions(undefined) }
  }
  if (mayWatch && namespace !== undefined && (await mayWatch(identity, namespace))) {
    return { name: username, holder, account: APP_ACCOUNT, permissions: subscriberPermissions(namespace) }
  }
  throw new RefusedToken(`${username} is no agent and may not watch instances`)
}
