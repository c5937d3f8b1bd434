// SPDX-License-Identifier: Apache-2.0
// Who holds a token, by Kubernetes' TokenReview. https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/
import { z } from 'zod'
import { isNodeName } from '../../lib/contract/subjects.ts'

export const NATS_AUDIENCE = 'nephele-nats'
export const AGENT_USERNAME = 'system:serviceaccount:nephele-system:nephele-agent'
export const CONSOLE_USERNAME = 'system:serviceaccount:nephele-system:nephele-console'
/** Set by the apiserver from the token's bound pod or Node: the holder cannot choose it. */
const NODE_NAME_EXTRA = 'authentication.kubernetes.io/node-name'

export interface TokenReview {
  apiVersion: 'authentication.k8s.io/v1'
  kind: 'TokenReview'
  spec: { token: string; audiences: string[] }
}

const TokenReviewAnswer = z.looseObject({
  status: z.looseObject({
    authenticated: z.boolean().optional(),
    audiences: z.array(z.string()).optional(),
    error: z.string().optional(),
    user: z
      .looseObject({
        username: z.string().optional(),
        groups: z.array(z.string()).optional(),
        extra: z.record(z.string(), z.array(z.string())).optional(),
      })
      .optional(),
  }),
})

/** Posts a TokenReview to the apiserver and resolves with its answer, unread. Rejects when the apiserver cannot answer. */
export type CreateTokenReview = (review: TokenReview, signal: AbortSignal) => Promise<unknown>

export type Identity =
  { kind: 'agent'; node: string } | { kind: 'console' } | { kind: 'account'; username: string; groups: string[] }

/** The token proves nothing; `message` is for our log and the server's, and never holds the token. */
export class RefusedToken extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'RefusedToken'
  }
}

/**
 * Whom the token names. An agent is named by its node, which the apiserver wrote into the token; its service account alone proves no node.
 * @throws RefusedToken; whatever `createTokenReview` rejects with
 */
export async function identify(
  token: string,
  createTokenReview: CreateTokenReview,
  signal: AbortSignal,
): Promise<Identity> {
  if (token === '') throw new RefusedToken('no token')
  const review: TokenReview = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token, audiences: [NATS_AUDIENCE] },
  }
  const { status } = TokenReviewAnswer.parse(await createTokenReview(review, signal))
  if (status.authenticated !== true) throw new RefusedToken('the apiserver does not know the token')
  // An apiserver that knows nothing of audiences answers without them: then the token is not for us.
  if (!status.audiences?.includes(NATS_AUDIENCE)) throw new RefusedToken(`the token is not for ${NATS_AUDIENCE}`)
  const username = status.user?.username
  if (!username) throw new RefusedToken('the token has no user')
  if (username === CONSOLE_USERNAME) return { kind: 'console' }
  if (username !== AGENT_USERNAME) return { kind: 'account', username, groups: status.user?.groups ?? [] }
  const nodes = status.user?.extra?.[NODE_NAME_EXTRA] ?? []
  const [node] = nodes
  if (node === undefined || nodes.length !== 1) throw new RefusedToken('the agent token is bound to no node')
  if (!isNodeName(node)) throw new RefusedToken('the agent token names no valid node')
  return { kind: 'agent', node }
}
