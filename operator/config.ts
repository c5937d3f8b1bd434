// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { isIP } from 'node:net'
import { listServers } from '../lib/environment.ts'
import { ConfigError } from '../lib/errors.ts'
import { versionOf } from '../lib/metrics/version.ts'
import { readLifetimes, type CertificateLifetimes } from './bus/certificate-lifetimes.ts'

/** PEM. */
export interface TlsFiles {
  caFile: string
  certFile: string
  keyFile: string
}

/** The operator's configuration: environment variables alone, as the chart and the local cloud set them. */
export interface OperatorConfig {
  /** KUBECONFIG: a file. Absent: the pod's service account. */
  kubeconfig: string | undefined
  /** NEPHELE_IDENTITY: names this process in the Lease and in Events; the pod's name. Default: the host's name. */
  identity: string
  /** NEPHELE_NAMESPACE: where the Lease `nephele-operator` and the Secret `nephele-ca` are. Default: nephele-system. */
  namespace: string
  /** NEPHELE_VERSION: what `nephele_build_info` says. Default: the version of this source. */
  version: string
  /** NEPHELE_HTTP_ADDRESS: `host:port` of /healthz, /readyz and /metrics. Default: 127.0.0.1:8080; port 0 takes a free one. */
  http: { host: string; port: number }
  nats: {
    /** NEPHELE_NATS_SERVERS: `host:port`, several joined by commas. Required. */
    servers: string[]
    /** NEPHELE_NATS_CA_FILE: PEM, who signed the servers' certificates. Required. */
    caFile: string
    /** NEPHELE_NATS_KEYS_DIR: a folder with issuer.seed, callout.seed, operator.seed and system.seed. Required. */
    keysDir: string
    /** NEPHELE_NATS_REPLICAS: how many servers form the bus; of three or more, three hold each document. Default: 1. */
    copies: number
  }
  /** NEPHELE_NODE_CERTIFICATE_SECONDS, NEPHELE_NBD_SERVER_CERTIFICATE_SECONDS: for tests, which do not wait for days. */
  lifetimes: CertificateLifetimes
  /** NEPHELE_CONSOLE_URL: where users reach the console process, such as https://console.example.com. Absent: no console is opened. */
  consoleURL: string | undefined
  /**
   * NEPHELE_DRAIN_NAMESPACE, NEPHELE_DRAIN_IMAGE: where Pods are made that hold `kubectl drain` of nodes with machines, and of which image.
   * Absent, unless both are there: nothing holds it, as where nodes have no kubelet.
   */
  drainHolds: { namespace: string; image: string } | undefined
  /** Absent, when NEPHELE_OVN_NB is: machines with networks then wait. */
  ovn:
    | {
        /** NEPHELE_OVN_NB: the northbound database, such as ssl:10.0.0.1:6641; several joined by commas. */
        northbound: string
        /** NEPHELE_OVN_SB: the southbound database as nodes reach it. */
        southbound: string
        /** NEPHELE_OVN_NB_CA_FILE, NEPHELE_OVN_NB_CERT_FILE, NEPHELE_OVN_NB_KEY_FILE: PEM, read at each connection. For ssl: only. */
        tls: TlsFiles | undefined
        /**
         * NEPHELE_OVN_SB_READ: the southbound database for who reads alone, such as ssl:10.0.0.1:6643. Absent: nobody sees it when a node
         * claims a port that was requested elsewhere. Over ssl: with NEPHELE_OVN_SB_CA_FILE, NEPHELE_OVN_SB_CERT_FILE,
         * NEPHELE_OVN_SB_KEY_FILE.
         */
        reader: { remote: string; tls: TlsFiles | undefined } | undefined
        /** NEPHELE_OVN_TRACE: the program ovn-trace, of OVN's version, which reads as `reader` does. Absent: no Reachability is answered. */
        traceProgram: string | undefined
        /** NEPHELE_OVN_TRACE_MEMORY_MIB: the most that it may map. Default: 512, which about 4,000 ports take. */
        traceMemoryMiB: number
      }
    | undefined
}

/** @throws ConfigError that names the variable */
export function readConfig(env: NodeJS.ProcessEnv): OperatorConfig {
  return {
    kubeconfig: env['KUBECONFIG'],
    identity: env['NEPHELE_IDENTITY'] ?? hostname(),
    namespace: env['NEPHELE_NAMESPACE'] ?? 'nephele-system',
    version: versionOf(env),
    http: parseAddress(env['NEPHELE_HTTP_ADDRESS'] ?? '127.0.0.1:8080'),
    nats: {
      servers: listServers(need(env, 'NEPHELE_NATS_SERVERS')),
      caFile: need(env, 'NEPHELE_NATS_CA_FILE'),
      keysDir: need(env, 'NEPHELE_NATS_KEYS_DIR'),
      copies: copiesOf(env['NEPHELE_NATS_REPLICAS'] ?? '1'),
    },
    lifetimes: readLifetimes(env),
    consoleURL: readConsoleURL(env['NEPHELE_CONSOLE_URL']),
    drainHolds: readDrainHolds(env),
    ovn: readOvn(env),
  }
}

/** A path would have to be known to whoever stands before it; a user, or a query, to nobody. */
function readConsoleURL(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined
  const url = URL.parse(text)
  if (url?.protocol !== 'https:' || url.origin !== text.replace(/\/$/, ''))
    throw new ConfigError(`NEPHELE_CONSOLE_URL ${JSON.stringify(text)} is not https:// with a host and perhaps a port`)
  return url.origin
}

function readDrainHolds(env: NodeJS.ProcessEnv): OperatorConfig['drainHolds'] {
  const { NEPHELE_DRAIN_NAMESPACE: namespace = '', NEPHELE_DRAIN_IMAGE: image = '' } = env
  return namespace === '' || image === '' ? undefined : { namespace, image }
}

/** Two copies survive no more than one does: a majority of two is both. */
function copiesOf(servers: string): number {
  if (!/^[1-9]\d?$/.test(servers))
    throw new ConfigError(`NEPHELE_NATS_REPLICAS ${JSON.stringify(servers)} is no number`)
  return Number(servers) >= 3 ? 3 : 1
}

function readOvn(env: NodeJS.ProcessEnv): OperatorConfig['ovn'] {
  const northbound = env['NEPHELE_OVN_NB']
  if (northbound === undefined || northbound === '') return undefined
  const southbound = need(env, 'NEPHELE_OVN_SB')
  const remote = env['NEPHELE_OVN_SB_READ']
  const reader = remote === undefined || remote === '' ? undefined : { remote, tls: readTls(env, remote, 'SB') }
  const traceProgram = env['NEPHELE_OVN_TRACE'] === '' ? undefined : env['NEPHELE_OVN_TRACE']
  return {
    northbound,
    southbound,
    tls: readTls(env, northbound, 'NB'),
    reader,
    traceProgram,
    traceMemoryMiB: memoryOf(env['NEPHELE_OVN_TRACE_MEMORY_MIB'] ?? '512'),
  }
}

function memoryOf(text: string): number {
  if (/^[1-9]\d{1,5}$/.test(text)) return Number(text)
  throw new ConfigError(`NEPHELE_OVN_TRACE_MEMORY_MIB ${JSON.stringify(text)} is no number of MiB, at least 10`)
}

function readTls(env: NodeJS.ProcessEnv, remotes: string, database: 'NB' | 'SB'): TlsFiles | undefined {
  if (!remotes.includes('ssl:')) return undefined
  const file = (what: string) => need(env, `NEPHELE_OVN_${database}_${what}_FILE`)
  return { caFile: file('CA'), certFile: file('CERT'), keyFile: file('KEY') }
}

function need(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name]
  if (value === undefined || value === '') throw new ConfigError(`${name} is not set`)
  return value
}

function parseAddress(text: string): { host: string; port: number } {
  const match = /^(.+):(\d{1,5})$/.exec(text)
  const host = match?.[1]?.replace(/^\[(.*)\]$/, '$1')
  const port = Number(match?.[2])
  if (host === undefined || !(port <= 65535) || (isIP(host) === 0 && host !== 'localhost')) {
    throw new ConfigError(`NEPHELE_HTTP_ADDRESS ${JSON.stringify(text)} is not an address and a port`)
  }
  return { host, port }
}

/** One of the seeds in the keys' folder; never logged. */
export function readSeed(config: OperatorConfig, name: 'issuer' | 'callout' | 'operator' | 'system'): string {
  return readFileSync(join(config.nats.keysDir, `${name}.seed`), 'utf8').trim()
}
