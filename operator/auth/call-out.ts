// SPDX-License-Identifier: Apache-2.0
// Answers nats-server's auth call-out (https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_callout, ADR-26).
// Every replica of the operator runs it, leader or not: an agent must be let in while leadership moves. They share a queue group.
import type { NatsConnection, Msg } from '@nats-io/transport-node'
import type { Logger } from '../../lib/log.ts'
import { messageOf } from '../../lib/errors.ts'
import { decodeRequest, encodeResponse, encodeUser, type AuthorizationRequest } from '../../lib/nats/jwt.ts'
import { createSigner, type Signer } from '../../lib/nats/nkey.ts'
import { MAX_PAYLOAD_BYTES } from '../../lib/nats/server-config.ts'
import { authorize, type Authorization, type Authorizer } from './authorize.ts'
import { LoginBudget } from './login-budget.ts'
import { LoginLine, TooManyLogins } from './login-line.ts'
import { RefusedToken } from './token-review.ts'

const AUTH_SUBJECT = '$SYS.REQ.USER.AUTH'
const QUEUE = 'nephele-auth'
/** Below the server's own limit, so that it hears why. */
const ANSWER_DEADLINE_MS = 15_000
const MAX_SUBSCRIPTIONS = 256

export interface CallOutOptions extends Authorizer {
  /** Seed of the account key whose public half the server's configuration names as issuer. */
  issuerSeed: string
  log: Logger
  /** How long a connection lasts before it must authenticate again; shortened at random by up to a tenth, so that they do not all end together. */
  lifetimeSeconds?: number
  now?: () => number
  /** Whose turn it is. */
  line?: LoginLine
  /** Of those who show good tokens. */
  budget?: LoginBudget
  /** Told of each answer, for metrics. */
  onAnswer?: (outcome: LoginOutcome) => void
}

/** `crowded`: not reviewed, since too many logins were waiting or this one had waited too long. */
export type LoginOutcome = 'allowed' | 'refused' | 'failed' | 'crowded'

export interface CallOut {
  /** Requests answered, by outcome. */
  counts(): Readonly<Record<LoginOutcome, number>>
  stop(): Promise<void>
}

/** @param nc the operator's connection as the call-out user in the AUTH account */
export function serveCallOut(nc: NatsConnection, options: CallOutOptions): CallOut {
  const service = new CallOutService(options)
  const subscription = nc.subscribe(AUTH_SUBJECT, {
    queue: QUEUE,
    callback: (error, message) => {
      if (error) options.log.error({ err: error }, 'auth call-out refused by the server')
      else void service.answer(message)
    },
  })
  return { counts: () => ({ ...service.counts }), stop: () => subscription.drain() }
}

class CallOutService {
  readonly counts = { allowed: 0, refused: 0, failed: 0, crowded: 0 }
  readonly #options: CallOutOptions
  readonly #signer: Signer
  readonly #line: LoginLine
  readonly #budget: LoginBudget

  constructor(options: CallOutOptions) {
    this.#options = options
    this.#signer = createSigner(options.issuerSeed)
    this.#line = options.line ?? new LoginLine()
    this.#budget = options.budget ?? new LoginBudget()
  }

  async answer(message: Msg): Promise<void> {
    const { log } = this.#options
    let request: AuthorizationRequest
    try {
      request = decodeRequest(message.string())
    } catch (error) {
      this.#count('failed')
      log.error({ err: error }, 'auth request cannot be read')
      return
    }
    const nowSeconds = Math.floor((this.#options.now?.() ?? Date.now()) / 1000)
    const result = await this.#decide(request, nowSeconds)
    message.respond(encodeResponse({ request, nowSeconds, result }, this.#signer))
  }

  async #decide(request: AuthorizationRequest, nowSeconds: number): Promise<{ jwt: string } | { error: string }> {
    const { log } = this.#options
    const client = request.nats.client_info?.host
    const address = client ?? ''
    try {
      const token = request.nats.connect_opts.auth_token ?? ''
      const deadline = AbortSignal.timeout(ANSWER_DEADLINE_MS)
      const { name, account, permissions } = await this.#line.pass(address, deadline, () =>
        this.#authorize(token, deadline),
      )
      const lifetime = this.#options.lifetimeSeconds ?? 3600
      const jwt = encodeUser(
        {
          name,
          userNkey: request.nats.user_nkey,
          account,
          permissions,
          nowSeconds,
          expiresSeconds: nowSeconds + Math.ceil(lifetime * (1 - 0.1 * Math.random())),
          maxPayloadBytes: MAX_PAYLOAD_BYTES,
          maxSubscriptions: MAX_SUBSCRIPTIONS,
        },
        this.#signer,
      )
      this.#count('allowed')
      log.debug({ user: name, client }, 'bus user let in')
      return { jwt }
    } catch (error) {
      if (error instanceof RefusedToken) {
        this.#count('refused')
        log.warn({ client, why: error.message }, 'bus user refused')
        return { error: error.message }
      }
      if (error instanceof TooManyLogins) {
        this.#count('crowded')
        log.debug({ client, waiting: this.#line.waiting }, 'bus user turned away')
        return { error: error.message }
      }
      this.#count('failed')
      log.error({ client, err: error }, 'token cannot be reviewed')
      return { error: `token cannot be reviewed: ${messageOf(error)}` }
    }
  }

  async #authorize(token: string, deadline: AbortSignal): Promise<Authorization> {
    const found = await authorize(token, this.#options, deadline)
    if (!this.#budget.take(found.holder)) throw new RefusedToken(`${found.holder} logs in too often: wait`)
    return found
  }

  #count(outcome: LoginOutcome): void {
    this.counts[outcome] += 1
    this.#options.onAnswer?.(outcome)
  }
}
