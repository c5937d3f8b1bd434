// SPDX-License-Identifier: Apache-2.0
// Connections that never give up: NATS may be down for hours while machines run.
import { readFileSync } from 'node:fs'
import {
  connect,
  nkeyAuthenticator,
  tokenAuthenticator,
  type Authenticator,
  type ConnectionOptions,
  type NatsConnection,
} from '@nats-io/transport-node'
import type { Logger } from '../log.ts'

export type { NatsConnection }

export interface BusAddress {
  /** `host:port`, several for a cluster. */
  servers: string[]
  /** PEM: the authority of the servers' certificates. */
  caFile: string
}

export type Credentials =
  /** A file that the kubelet (or the local cloud) renews: reread for each connection. */
  | { tokenFile: string }
  /** The operator's own users. */
  | { seed: string }

export interface BusConnectionOptions {
  address: BusAddress
  credentials: Credentials
  /** Shown in the server's connection list. */
  name: string
  inboxPrefix: string
  log: Logger
  /** For the first connection; the promise stays pending until it is made. */
  signal?: AbortSignal
}

/**
 * Connects, waiting as long as it takes, and reconnects forever, with jitter so that a restarted server is not hit by all clients at once.
 * Nothing published during an outage is kept: writers check `isConnected` and republish on reconnect.
 */
export async function connectBus(options: BusConnectionOptions): Promise<NatsConnection> {
  const opening = connect(toConnectionOptions(options))
  const { signal } = options
  if (!signal) return opening
  return new Promise((resolve, reject) => {
    const abort = () => {
      // The library cannot cancel a first connection: close it if it is made after all.
      void opening.then((nc) => nc.close()).catch(() => undefined)
      reject(new Error('connecting to NATS was aborted', { cause: signal.reason }))
    }
    if (signal.aborted) {
      abort()
      return
    }
    signal.addEventListener('abort', abort, { once: true })
    opening.then(
      (nc) => {
        signal.removeEventListener('abort', abort)
        resolve(nc)
      },
      (error: unknown) => {
        signal.removeEventListener('abort', abort)
        reject(error instanceof Error ? error : new Error(String(error)))
      },
    )
  })
}

/** The operator reconnects before the others, which need its answers to be admitted. */
const RECONNECT = {
  operator: { reconnectTimeWait: 100, reconnectJitter: 50, reconnectJitterTLS: 50 },
  others: { reconnectTimeWait: 500, reconnectJitter: 500, reconnectJitterTLS: 1_500 },
}

function toConnectionOptions(options: BusConnectionOptions): ConnectionOptions {
  return {
    servers: options.address.servers,
    name: options.name,
    inboxPrefix: options.inboxPrefix,
    authenticator: authenticatorOf(options.credentials, options.log),
    tls: { caFile: options.address.caFile },
    // While no operator answers the call-out, the server lets an attempt hang until its own limit: retry earlier.
    timeout: 5_000,
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    // A token that is refused now is renewed later, but by default the library gives up after two refusals.
    ignoreAuthErrorAbort: true,
    ...RECONNECT['seed' in options.credentials ? 'operator' : 'others'],
    pingInterval: 10_000,
    maxPingOut: 2,
    ignoreClusterUpdates: false,
    noAsyncTraces: true,
  }
}

function authenticatorOf(credentials: Credentials, log: Logger): Authenticator {
  if ('seed' in credentials) return nkeyAuthenticator(Buffer.from(credentials.seed, 'ascii'))
  return tokenAuthenticator(() => {
    try {
      return readFileSync(credentials.tokenFile, 'utf8').trim()
    } catch (error) {
      // The server refuses the empty token, and the client retries.
      log.warn({ err: error }, 'token file cannot be read')
      return ''
    }
  })
}

/** Calls back with true after each reconnection and with false when the connection is lost, until the signal aborts or it is closed. */
export function watchConnection(
  nc: NatsConnection,
  log: Logger,
  signal: AbortSignal,
  onChange: (connected: boolean) => void,
): void {
  const statuses = nc.status()
  void (async () => {
    for await (const status of statuses) {
      if (signal.aborted) return
      if (status.type === 'reconnect') {
        log.info({ server: status.server }, 'bus connected again')
        onChange(true)
      } else if (status.type === 'disconnect') {
        log.warn({ server: status.server }, 'bus connection lost')
        onChange(false)
      } else if (status.type === 'error') {
        log.warn({ err: status.error }, 'bus refused')
      }
    }
  })()
}
