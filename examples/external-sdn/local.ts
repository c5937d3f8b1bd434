// SPDX-License-Identifier: Apache-2.0
// Runs the controller on each compute node of a local cloud, in place of the DaemonSet of a cluster, until it is interrupted.
import { spawn } from 'node:child_process'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadKubeConfig } from '../../lib/kube/kubeconfig.ts'
import { openCloud } from '../../local/cloud/cloud.ts'
import { DEFAULT_CLOUD } from '../../local/cloud/definition.ts'
import { pathIn } from '../../local/node/node.ts'

const FOLDER = '/run/external-sdn'
const { values } = parseArgs({
  options: { name: { type: 'string', default: DEFAULT_CLOUD }, 'most-ports': { type: 'string', default: '64' } },
})
const cloud = openCloud(values.name)
const cluster = loadKubeConfig(cloud.kubeconfigPath).getCurrentCluster()
if (!cluster?.caData) throw new Error('the kubeconfig of the cloud has no certificate of its apiserver')
const authority = Buffer.from(cluster.caData, 'base64')
const token = await cloud.kubectl(['create', 'token', '-n', 'external-sdn', 'controller', '--duration=24h'])

const nodes = Object.keys(cloud.state.nodes).filter((name) => name.startsWith('compute-'))
const children = await Promise.all(
  nodes.map(async (name) => {
    const node = cloud.node(name)
    const folder = pathIn(node, FOLDER)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    for (const file of ['controller.ts', 'kubernetes.ts', 'plan.ts', 'switch.ts'])
      await copyFile(join(import.meta.dirname, file), join(folder, file))
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }\n')
    await writeFile(join(folder, 'ca.crt'), authority)
    await writeFile(join(folder, 'token'), token, { mode: 0o600 })
    const asked = ['--node', name, '--server', cluster.server, '--token', `${FOLDER}/token`]
    const program = ['/opt/nephele/bin/node', `${FOLDER}/controller.ts`, ...asked, '--most-ports', values['most-ports']]
    // Its files and the sockets of its switch; the network is this machine's, where the apiserver listens.
    return spawn('nsenter', ['-t', String(node.pid), '-m', '--', ...program], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin', NODE_EXTRA_CA_CERTS: `${FOLDER}/ca.crt` },
    })
  }),
)
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    for (const child of children) child.kill('SIGTERM')
  })
