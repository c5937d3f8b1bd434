// SPDX-License-Identifier: Apache-2.0
// nats-server's configuration as this cloud runs it, in the local cloud and in the chart alike. The server's own format takes JSON.
// https://docs.nats.io/running-a-nats-service/configuration
import { MAX_DOCUMENT_BYTES } from '../contract/documents.ts'
import { FROM_CONSOLES, TO_CONSOLES } from '../contract/subjects.ts'
import {
  FROM_NODES,
  NODE_REQUESTS,
  operatorPermissions,
  systemPermissions,
  type Permissions,
} from '../contract/permissions.ts'

/** Accounts: the call-out service sits alone in AUTH; operator, streams and notifications are in APP, agents in NODES. */
const AUTH_ACCOUNT = 'AUTH'
export const APP_ACCOUNT = 'APP'
/**
 * The agents' account. The server checks what a client publishes, but not where it directs the reply: in one account with the streams, an
 * agent could have an empty reply sent to JetStream's own subjects, as a command. From this account only agents' requests reach APP, by the
 * imports below, and replies stay here.
 */
export const NODES_ACCOUNT = 'NODES'
/** Of console processes: what they say to nodes, and what nodes say to them, crosses the border and nothing else. */
export const CONSOLES_ACCOUNT = 'CONSOLES'
/** The servers' own account: the operator closes sessions by it, and may request nothing else there. */
const SYSTEM_ACCOUNT = 'SYS'

/** A document plus headers and protocol. */
export const MAX_PAYLOAD_BYTES = MAX_DOCUMENT_BYTES + 32 * 1024

export interface TlsFiles {
  certFile: string
  keyFile: string
  caFile: string
}

/**
 * The servers' own cluster. A route can act for any account, without call-out and permissions, so nodes and clients must not be able to
 * open one: the authority in `tls` signs only members, and each must know the password.
 */
export interface ClusterConfig {
  name: string
  listen: string
  /** `host:port` of each member, by the names in their certificates. */
  members: string[]
  tls: TlsFiles
  /** Letters and digits only: it becomes a part of URLs. */
  password: string
}

export interface ServerConfig {
  serverName: string
  /** `host:port` for clients. */
  listen: string
  /** Monitoring over HTTP, unprotected: on the loopback or in a pod network behind a policy only. */
  httpListen?: string
  storeDir: string
  maxFileBytes: number
  maxMemoryBytes: number
  tls: TlsFiles
  /** Public nkeys: the account key that signs users' tokens, and the operator's three users. */
  issuerPublicKey: string
  calloutPublicKey: string
  operatorPublicKey: string
  systemPublicKey: string
  /** Three servers form a cluster in the chart. */
  cluster?: ClusterConfig
  pidFile?: string
  logFile?: string
}

/** The user of every member on routes. */
const MEMBER = 'member'

/**
 * Pure. Contains no seed, and a password only where there is a cluster: then the text is a secret. For users other than the three named
 * here the server asks the call-out (operator/auth/), whose answer must be signed with the issuer's key.
 */
export function toServerConfig(config: ServerConfig): string {
  const user = (nkey: string, { publish, subscribe }: Permissions) => ({
    nkey,
    permissions: { publish: { allow: publish }, subscribe: { allow: subscribe } },
  })
  const tls = toTls(config.tls)
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
        // Each node has a consumer; by default the server refuses the 1,001st of a stream.
        limits: { default_max_consumers: -1 },
      },
      accounts: {
        [AUTH_ACCOUNT]: { users: [{ nkey: config.calloutPublicKey }] },
        [APP_ACCOUNT]: {
          jetstream: 'enabled',
          users: [user(config.operatorPublicKey, operatorPermissions())],
          exports: NODE_REQUESTS.map(({ subject, isAnsweredOften }) => ({
            service: subject,
            accounts: [NODES_ACCOUNT],
            ...(isAnsweredOften ? { response_type: 'stream' } : {}),
          })),
          imports: FROM_NODES.map((subject) => ({ stream: { account: NODES_ACCOUNT, subject } })),
        },
        [NODES_ACCOUNT]: {
          exports: [
            ...FROM_NODES.map((stream) => ({ stream, accounts: [APP_ACCOUNT] })),
            { stream: FROM_CONSOLES, accounts: [CONSOLES_ACCOUNT] },
          ],
          imports: [
            ...NODE_REQUESTS.map(({ subject, from }) => ({
              service: { account: APP_ACCOUNT, subject },
              ...(from === undefined ? {} : { to: from }),
            })),
            { stream: { account: CONSOLES_ACCOUNT, subject: TO_CONSOLES } },
          ],
        },
        [CONSOLES_ACCOUNT]: {
          exports: [{ stream: TO_CONSOLES, accounts: [NODES_ACCOUNT] }],
          imports: [{ stream: { account: NODES_ACCOUNT, subject: FROM_CONSOLES } }],
        },
        [SYSTEM_ACCOUNT]: { users: [user(config.systemPublicKey, systemPermissions())] },
      },
      system_account: SYSTEM_ACCOUNT,
      authorization: {
        // Seconds for a client to be admitted: enough for a thousand that connect at once.
        timeout: 20,
        auth_callout: {
          issuer: config.issuerPublicKey,
          auth_users: [config.calloutPublicKey, config.operatorPublicKey, config.systemPublicKey],
          account: AUTH_ACCOUNT,
        },
      },
      ...(config.cluster ? { cluster: toCluster(config.cluster) } : {}),
    },
    null,
    2,
  )
}

function toCluster({ name, listen, members, tls, password }: ClusterConfig) {
  if (!/^[A-Za-z0-9]{32,}$/.test(password)) {
    throw new Error('the password of the NATS cluster must be 32 or more letters and digits')
  }
  return {
    name,
    listen,
    // The server takes the password from here for members that connect to it, but not for those that it learns of from others.
    routes: members.map((member) => `tls://${MEMBER}:${password}@${member}`),
    authorization: { user: MEMBER, password, timeout: 10 },
    tls: { ...toTls(tls), verify: true, timeout: 20 },
  }
}

function toTls({ certFile, keyFile, caFile }: TlsFiles) {
  return { cert_file: certFile, key_file: keyFile, ca_file: caFile }
}
