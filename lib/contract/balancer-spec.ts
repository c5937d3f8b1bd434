// SPDX-License-Identifier: Apache-2.0
// What a gateway node is told of a LoadBalancer with HTTP listeners. Every text here ends up in a configuration file of HAProxy: nothing passes that
// could end a word there.
import { z } from 'zod'
import { BalancerCertificate, BalancerTls, MOST_CERTIFICATES } from './balancer-tls.ts'
import { ServicePort } from './service-port.ts'

/** Of one listener. */
const MOST_BALANCER_RULES = 16
/** As many as a LoadBalancer can have: listeners, and rules of all of them. */
export const MOST_BALANCER_POOLS = 16 * (1 + MOST_BALANCER_RULES)
/** Of all its pools together: what its nodes say of them has room on the bus, beside that of others. */
export const MOST_BALANCER_MEMBERS = 256
const ip = z.union([z.ipv4(), z.ipv6()])
const portNumber = z.int().min(1).max(65535)
const seconds = z.int().min(1).max(86_400)
/** Of a listener, or of a listener and its rule. */
const poolName = z.string().regex(/^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})?$/)
const hostname = z.string().regex(/^(\*\.)?[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/)
/** RFC 3986, without what HAProxy gives a meaning: quotes, backslash, `#`, `$`, `%`, blanks. */
const path = z
  .string()
  .regex(/^\/[A-Za-z0-9/._~!&()*+,;=:@-]*$/)
  .max(1024)
/** `200`, `200,204` or `200-299`. HAProxy refuses the whole configuration for a range that descends. */
const codes = z
  .string()
  .regex(/^[1-5][0-9]{2}(-[1-5][0-9]{2})?(,[1-5][0-9]{2}(-[1-5][0-9]{2})?){0,7}$/)
  .refine((text) => text.split(',').every((one) => one.length === 3 || one.slice(0, 3) <= one.slice(4)))

export const BalancerPool = z.looseObject({
  name: poolName,
  members: z.array(z.looseObject({ address: ip, port: portNumber })).max(MOST_BALANCER_MEMBERS),
  /** A client stays with its member, by its address. */
  affinity: z.boolean().optional(),
  /** Members are told the client's address before the request: PROXY protocol. */
  proxyProtocol: z.enum(['v1', 'v2']).optional(),
  monitor: z
    .looseObject({
      intervalSeconds: seconds,
      timeoutSeconds: seconds,
      successThreshold: z.int().min(1).max(10),
      failureThreshold: z.int().min(1).max(10),
      /** Absent: by a connection alone. */
      http: z.looseObject({ path, hostname: hostname.optional(), expectedCodes: codes }).optional(),
    })
    .optional(),
})
export type BalancerPool = z.infer<typeof BalancerPool>

export const BalancerRule = z.looseObject({
  /** Any of them; empty: whatever host. `*.example.com` is one label or more before it. */
  hostnames: z.array(hostname).max(16),
  /** Any of them; empty: whatever path. A prefix is of whole segments. */
  paths: z.array(z.looseObject({ type: z.enum(['Exact', 'PathPrefix']), value: path })).max(16),
  action: z.discriminatedUnion('type', [
    z.looseObject({ type: z.literal('pool'), pool: poolName }),
    z.looseObject({
      type: z.literal('redirect'),
      statusCode: z.union([z.literal(301), z.literal(302), z.literal(303), z.literal(307), z.literal(308)]),
      scheme: z.enum(['http', 'https']).optional(),
      hostname: hostname.optional(),
      port: portNumber.optional(),
      path: path.optional(),
    }),
    z.looseObject({ type: z.literal('reject'), statusCode: z.int().min(400).max(499) }),
  ]),
})
export type BalancerRule = z.infer<typeof BalancerRule>

export const BalancerListener = z.looseObject({
  name: z.string().regex(/^[a-z0-9-]{1,63}$/),
  port: portNumber,
  /** What no rule matches goes there. */
  pool: poolName,
  /** In order: the first one that matches decides. As many as a LoadBalancer's listener has, and what becomes of requests that none of these is for. */
  rules: z.array(BalancerRule).max(MOST_BALANCER_RULES + 1),
  maxConnections: z.int().min(1).max(100_000),
  timeouts: z.looseObject({ client: seconds, connect: seconds, server: seconds }),
  /** Absent: it speaks HTTP in clear. */
  tls: BalancerTls.optional(),
})
export type BalancerListener = z.infer<typeof BalancerListener>

export const BalancerSpec = z.looseObject({
  port: ServicePort,
  /** Where it listens: it moves to the node that serves. */
  sharedAddress: ip,
  /** The other node's address; absent: there is no other. Of two that start at once the preferred one serves. */
  standby: z.looseObject({ peer: ip, isPreferred: z.boolean() }).optional(),
  listeners: z.array(BalancerListener).min(1).max(16),
  /** Those that its listeners name. */
  certificates: z.array(BalancerCertificate).max(MOST_CERTIFICATES).optional(),
  pools: z
    .array(BalancerPool)
    .max(MOST_BALANCER_POOLS)
    .refine((pools) => pools.reduce((sum, { members }) => sum + members.length, 0) <= MOST_BALANCER_MEMBERS, {
      error: `more than ${MOST_BALANCER_MEMBERS} members of all pools together`,
    }),
})
export type BalancerSpec = z.infer<typeof BalancerSpec>
