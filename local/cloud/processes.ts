// SPDX-License-Identifier: Apache-2.0
// The cloud's processes on the host, besides the control plane's: what is run for each name. Pure.
import { join } from 'node:path'
import { FILE_THREADS } from '../../agents/node/file-threads.ts'
import { addressesOf, defineNodes } from './definition.ts'
import {
  CONSOLE_HTTP_PORT,
  CONSOLE_PORT,
  NATS_PORT,
  NODE_PROGRAM,
  OPERATOR_HTTP_PORT,
  REPOSITORY,
  type Layout,
} from './layout.ts'

export const HOST_PROCESSES = ['nats', 'caretaker', 'operator', 'console'] as const
export type HostProcessName = (typeof HOST_PROCESSES)[number]

export interface HostCommand {
  argv: [string, ...string[]]
  env: NodeJS.ProcessEnv
}

export interface HostCommandOptions {
  layout: Layout
  subnet: number
  natsServer: string
}

/** Of the operator, as in the Dockerfile (docs/decisions/0067). A source map of the bundle, once read for a stack, is 80 MiB that stay. */
export const OPERATOR_FLAGS = ['--max-semi-space-size=2', '--memory-saver-mode']

const PATH = '/usr/local/bin:/usr/bin:/bin'

export function hostCommand(name: HostProcessName, o: HostCommandOptions): HostCommand {
  switch (name) {
    case 'nats':
      return { argv: [o.natsServer, '-c', o.layout.natsConfig], env: { PATH } }
    case 'caretaker': {
      const script = join(REPOSITORY, 'local', 'services', 'caretaker.ts')
      const flags = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=1']
      return { argv: [NODE_PROGRAM, ...flags, script, o.layout.caretakerConfig], env: { PATH } }
    }
    case 'operator':
      return {
        argv: [NODE_PROGRAM, ...OPERATOR_FLAGS, join(REPOSITORY, 'dist', 'operator.mjs')],
        env: { PATH, ...operatorEnvironment(o.layout, o.subnet) },
      }
    case 'console':
      return {
        argv: [NODE_PROGRAM, '--max-semi-space-size=2', join(REPOSITORY, 'dist', 'console.mjs')],
        env: { PATH, ...consoleEnvironment(o.layout, o.subnet) },
      }
  }
}

/** Set by whoever starts the cloud, to see in minutes what takes years. */
const TEST_SETTINGS = ['NEPHELE_NODE_CERTIFICATE_SECONDS', 'NEPHELE_NBD_SERVER_CERTIFICATE_SECONDS']

/** What the chart sets by values, mounts and the downward API. */
export function operatorEnvironment(layout: Layout, subnet: number): Record<string, string> {
  const { host, managementOf } = addressesOf(subnet)
  const central = managementOf(defineNodes().find((n) => n.ovnCentral) ?? { index: 1 })
  return {
    KUBECONFIG: layout.operatorKubeconfig,
    NEPHELE_IDENTITY: 'local-operator',
    NEPHELE_NAMESPACE: 'nephele-system',
    NEPHELE_NATS_SERVERS: `${host}:${NATS_PORT}`,
    NEPHELE_NATS_CA_FILE: layout.pki('ca.crt'),
    NEPHELE_NATS_KEYS_DIR: layout.natsKeys,
    NEPHELE_OVN_NB: `ssl:${central}:6641`,
    NEPHELE_OVN_NB_CA_FILE: join(layout.operatorTls, 'ca.crt'),
    NEPHELE_OVN_NB_CERT_FILE: join(layout.operatorTls, 'tls.crt'),
    NEPHELE_OVN_NB_KEY_FILE: join(layout.operatorTls, 'tls.key'),
    NEPHELE_OVN_SB: `ssl:${central}:6642`,
    NEPHELE_OVN_SB_READ: `ssl:${central}:6643`,
    NEPHELE_OVN_SB_CA_FILE: layout.pki('ca.crt'),
    NEPHELE_OVN_SB_CERT_FILE: layout.pki('operator-sb.crt'),
    NEPHELE_OVN_SB_KEY_FILE: layout.pki('operator-sb.key'),
    NEPHELE_OVN_TRACE: layout.operatorTrace,
    NEPHELE_HTTP_ADDRESS: `${host}:${OPERATOR_HTTP_PORT}`,
    NEPHELE_CONSOLE_URL: consoleUrl(subnet),
    ...Object.fromEntries(TEST_SETTINGS.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))),
  }
}

const consoleUrl = (subnet: number): string => `https://${addressesOf(subnet).host}:${CONSOLE_PORT}`

function consoleEnvironment(layout: Layout, subnet: number): Record<string, string> {
  const { host } = addressesOf(subnet)
  return {
    NEPHELE_CONSOLE_URL: consoleUrl(subnet),
    NEPHELE_CONSOLE_HOST: host,
    NEPHELE_CONSOLE_PORT: String(CONSOLE_PORT),
    NEPHELE_CONSOLE_TLS_CERT_FILE: layout.pki('console.crt'),
    NEPHELE_CONSOLE_TLS_KEY_FILE: layout.pki('console.key'),
    NEPHELE_HTTP_HOST: host,
    NEPHELE_HTTP_PORT: String(CONSOLE_HTTP_PORT),
    NEPHELE_NATS_SERVERS: `${host}:${NATS_PORT}`,
    NEPHELE_NATS_CA_FILE: layout.pki('ca.crt'),
    NEPHELE_NATS_TOKEN_FILE: layout.consoleToken,
  }
}

export function agentEnvironment(node: { name: string; index: number }, subnet: number): Record<string, string> {
  const { host, managementOf, tunnelOf } = addressesOf(subnet)
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin',
    UV_THREADPOOL_SIZE: String(FILE_THREADS),
    NEPHELE_NODE: node.name,
    NEPHELE_NATS_SERVERS: `${host}:${NATS_PORT}`,
    NEPHELE_NATS_CA_FILE: '/etc/nephele/ca.crt',
    NEPHELE_NATS_TOKEN_FILE: '/run/secrets/nephele/token',
    NEPHELE_ADDRESS: managementOf(node),
    NEPHELE_ENCAP_ADDRESS: tunnelOf(node),
    NEPHELE_METRICS_SOCKET: '/run/nephele/metrics/agent.sock',
  }
}
