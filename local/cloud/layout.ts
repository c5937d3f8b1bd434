// SPDX-License-Identifier: Apache-2.0
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const REPOSITORY = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
export const NODE_PROGRAM = join(REPOSITORY, 'node_modules', 'node', 'bin', 'node')

export const NATS_PORT = 4222
export const IMAGE_PORT = 8080
export const OPERATOR_HTTP_PORT = 8081
export const CONSOLE_PORT = 8443
export const CONSOLE_HTTP_PORT = 8082
/** Where a node finds its agent's token; the folder is mounted from nodeTokenDir. */
export const TOKEN_DIR_IN_NODE = '/run/secrets/nephele'
export const AUTHORITY_IN_NODE = '/etc/nephele/ca.crt'

/** Files and folders of one cloud's state. */
export function layoutOf(dir: string) {
  const controlPlane = join(dir, 'control-plane')
  const pki = (name: string) => join(controlPlane, 'pki', name)
  return {
    dir,
    controlPlane,
    pki,
    adminKubeconfig: join(controlPlane, 'admin.kubeconfig'),
    /** Seeds of the NATS users, one file each, as the chart's Secret has them. */
    natsKeys: join(dir, 'nats', 'keys'),
    natsConfig: join(dir, 'nats', 'nats.json'),
    natsStore: join(dir, 'nats', 'store'),
    images: join(dir, 'images'),
    caretakerConfig: join(dir, 'caretaker.json'),
    operatorKubeconfig: join(dir, 'operator', 'kubeconfig'),
    /** As the chart mounts them: `tls.crt`, `tls.key` of the authority; the operator's own, and `ca.crt` that it trusts. */
    operatorAuthority: join(dir, 'operator', 'authority'),
    operatorTls: join(dir, 'operator', 'tls'),
    operatorToken: join(dir, 'operator', 'token'),
    /** Runs the nodes' ovn-trace on the host. */
    operatorTrace: join(dir, 'operator', 'ovn-trace'),
    consoleToken: join(dir, 'console', 'token'),
    examples: join(dir, 'examples'),
    log: (name: string) => join(dir, 'log', `${name}.log`),
    fabricLog: join(dir, 'log', 'fabric.log'),
    node: (name: string) => join(dir, 'nodes', name),
    nodeTokenDir: (name: string) => join(dir, 'tokens', name),
    nodeToken: (name: string) => join(dir, 'tokens', name, 'token'),
  }
}
export type Layout = ReturnType<typeof layoutOf>
