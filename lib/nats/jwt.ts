// SPDX-License-Identifier: Apache-2.0
// The JSON web tokens of NATS's auth call-out (ADR-26, github.com/nats-io/nats-architecture-and-design): claims of version 2, signed
// with an nkey, header `alg: ed25519-nkey`.
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Permissions } from '../contract/permissions.ts'
import type { Signer } from './nkey.ts'

const HEADER = Buffer.from(JSON.stringify({ typ: 'JWT', alg: 'ed25519-nkey' })).toString('base64url')

/** What the server asks on `$SYS.REQ.USER.AUTH`: the fields that are used. */
export const AuthorizationRequest = z.looseObject({
  nats: z.looseObject({
    /** Made by the server for this connection: the subject of the user token that answers. */
    user_nkey: z.string().regex(/^U[A-Z2-7]{55}$/),
    server_id: z.looseObject({ id: z.string(), name: z.string().optional() }),
    client_info: z.looseObject({ host: z.string().optional(), name: z.string().optional() }).optional(),
    connect_opts: z.looseObject({ auth_token: z.string().optional(), name: z.string().optional() }),
  }),
})
export type AuthorizationRequest = z.infer<typeof AuthorizationRequest>

/**
 * Decodes the claims without checking the signature: only for requests on the server's own system subject in the AUTH account, where nobody
 * else may publish.
 * @throws when it is not a token or lacks a field
 */
export function decodeRequest(token: string): AuthorizationRequest {
  const [, claims, ...rest] = token.split('.')
  if (claims === undefined || rest.length !== 1) throw new Error('not a JSON web token')
  return AuthorizationRequest.parse(JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')))
}

function encode(claims: Record<string, unknown>, signer: Signer, nowSeconds: number): string {
  const body = { jti: randomUUID(), iat: nowSeconds, iss: signer.publicKey, ...claims }
  const signed = `${HEADER}.${Buffer.from(JSON.stringify(body)).toString('base64url')}`
  return `${signed}.${signer.sign(signed).toString('base64url')}`
}

export interface UserGrant {
  /** For the server's log: node or account name. */
  name: string
  userNkey: string
  account: string
  permissions: Permissions
  nowSeconds: number
  /** The server closes the connection then; the client reconnects with a fresh token. */
  expiresSeconds: number
  maxPayloadBytes: number
  maxSubscriptions: number
}

/** The user's own token: exactly these permissions, for this connection. */
export function encodeUser(grant: UserGrant, signer: Signer): string {
  const { permissions } = grant
  const claims = {
    name: grant.name,
    sub: grant.userNkey,
    aud: grant.account,
    exp: grant.expiresSeconds,
    nats: {
      type: 'user',
      version: 2,
      subs: grant.maxSubscriptions,
      data: -1,
      payload: grant.maxPayloadBytes,
      allowed_connection_types: ['STANDARD'],
      // An empty allow list would allow everything: `deny` expresses what is meant.
      pub: permissions.publish.length > 0 ? { allow: permissions.publish } : { deny: ['>'] },
      sub: permissions.subscribe.length > 0 ? { allow: permissions.subscribe } : { deny: ['>'] },
      ...(permissions.responses
        ? { resp: { max: permissions.responses.max, ttl: permissions.responses.ttlMs * 1_000_000 } }
        : {}),
    },
  }
  return encode(claims, signer, grant.nowSeconds)
}

export interface AuthorizationAnswer {
  request: AuthorizationRequest
  nowSeconds: number
  /** Either the user's token or why there is none; the reason goes to the server's log, not to the client. */
  result: { jwt: string } | { error: string }
}

export function encodeResponse({ request, nowSeconds, result }: AuthorizationAnswer, signer: Signer): string {
  const claims = {
    sub: request.nats.user_nkey,
    aud: request.nats.server_id.id,
    nats: { type: 'authorization_response', version: 2, ...result },
  }
  return encode(claims, signer, nowSeconds)
}
