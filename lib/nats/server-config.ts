// SPDX-License-Identifier: Apache-2.0
// nats-server's configuration as this cloud runs it, in the local cloud and in the chart alike. The server's own format takes JSON.
// https://docs.nats.io/running-a-nats-service/configuration
import { MAX_DOCUMENT_BYTES } from '../contract/documents.ts'
import { operatorPermissions } from '../contract/permissions.ts'

/** Accounts: the call-out service sits alone in AUTH; everything else happens in APP. */
export const AUTH_ACCOUNT = 'AUTH'
export const APP_ACCOUNT = 'APP'

/** A document and the headers and protocol around it. */
export const MAX_PAYLOAD_BYTES = MAX_DOCUMENT_BYTES + 32 * 1024

export interface ServerConfig {
  serverName: string
  /** `host:port` for clients. */
  listen: string
  /** Monitoring over HTTP, unprotected: on the loopback or in a pod network behind a policy only. */
  httpListen?: string
  storeDir: string
  maxFileBytes: number
  maxMemoryBytes: number
  tls: { certFile: string; keyFile: string; caFile: string }
  /** Public nkeys: the account key that signs users' tokens, and the operator's two users. */
  issuerPublicKey: string
  calloutPublicKey: string
  operatorPublicKey: string
  /** Three servers form a cluster in the chart. */
  cluster?: { name: string; listen: string; routes: string[] }
  pidFile?: string
  logFile?: string
}

/**
 * Pure. No password or seed is in it. Whoever is not one of the two users named here is asked about at the call-out
 * (operator/auth/), whose answer must be signed with the issuer's key.
 */
export function toServerConfig(config: ServerConfig): string {
  const operator = operatorPermissions()
  const tls = { cert_file: config.tls.certFile, key_file: config.tls.keyFile, ca_file: config.tls.caFile }
  return JSON.stringify(
    {
      server_name: config.serverName,
      listen: config.listen,
      ...(config.httpListen ? { http: config.httpListen } : {}),
      ...(config.pidFile ? { pid_file: config.pidFile } : {}),
      ...(config.logFile ? { log_file: config.logFile } : {}),
      max_payload: MAX_PAYLOAD_BYTES,
      max_control_line: 8192,
      ping_interval: '20s',
      ping_max: 2,
      write_deadline: '10s',
      tls: { ...tls, verify: false, timeout: 20 },
      jetstream: {
        store_dir: config.storeDir,
        max_file_store: config.maxFileBytes,
        max_memory_store: config.maxMemoryBytes,
      },
      accounts: {
        [AUTH_ACCOUNT]: { users: [{ nkey: config.calloutPublicKey }] },
        [APP_ACCOUNT]: {
          jetstream: 'enabled',
          users: [
            {
              nkey: config.operatorPublicKey,
              permissions: { publish: { allow: operator.publish }, subscribe: { allow: operator.subscribe } },
            },
          ],
        },
      },
      authorization: {
        // Seconds for a client to be let in: time enough for a thousand that come at once.
        timeout: 20,
        auth_callout: {
          issuer: config.issuerPublicKey,
          auth_users: [config.calloutPublicKey, config.operatorPublicKey],
          account: AUTH_ACCOUNT,
        },
      },
      ...(config.cluster
        ? {
            cluster: {
              name: config.cluster.name,
              listen: config.cluster.listen,
              routes: config.cluster.routes,
              tls: { ...tls, verify: true, timeout: 20 },
            },
          }
        : {}),
    },
    null,
    2,
  )
}
