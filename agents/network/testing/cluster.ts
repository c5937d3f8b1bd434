// SPDX-License-Identifier: Apache-2.0
// Real nodes with OVN for tests: the first one runs OVN central too.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { TlsIdentity } from '../../../lib/ovsdb/remote.ts'
import { createAuthority } from '../../../local/control-plane/authority.ts'
import { startFabric, stopFabric, fabricNet } from '../../../local/node/fabric.ts'
import {
  enterArguments,
  execInNode,
  NODE_ENVIRONMENT,
  pathIn,
  startNode,
  stopNode,
  waitForNode,
  type RunningNode,
} from '../../../local/node/node.ts'
import { ensureRootfs } from '../../../local/rootfs/build.ts'
import { startAgent, type TestAgent } from './test-agent.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
const NODE_BINARY = process.execPath
/** Each test file that makes a cluster has a subnet of its own. */
const SUBNET = '10.98.249'

export interface TestNode {
  node: RunningNode
  name: string
  agent: TestAgent
  /** Runs it in the node's own namespaces; resolves with standard output, or with the failure's text. */
  run(...argv: string[]): Promise<string>
  startAgent(): Promise<TestAgent>
  /** The node's resolver, by itself as it is in a node; returned again is what kills it. */
  startResolver(): () => void
}

export interface TestCluster {
  nodes: TestNode[]
  ovnRemote: string
  /** The read-only endpoint of the southbound database, and the credentials for it. */
  southboundReader: string
  readerIdentity: TlsIdentity
  northboundSocket: string
  southboundSocket: string
  stop(): Promise<void>
}

/** A program that runs on in the node until it is killed, or the node ends. */
export function startInNode(node: RunningNode, argv: readonly string[]): () => void {
  const [program, ...args] = enterArguments(node, ['setpriv', '--pdeathsig', 'KILL', '--', ...argv])
  const child = spawn(program, args, { stdio: 'ignore', env: { ...NODE_ENVIRONMENT } })
  // nsenter forks into the PID namespace: the program is its child.
  return () => {
    const inside = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()
    for (const pid of inside === '' ? [] : inside.split(' ')) process.kill(Number(pid), 'SIGKILL')
  }
}

export async function startCluster(names: readonly string[], subnet = SUBNET): Promise<TestCluster> {
  const dir = mkdtempSync(join(tmpdir(), 'nephele-net-'))
  const hostInterface = `np${subnet.split('.').at(-1)}n${process.pid}`.slice(0, 15)
  const authority = await createAuthority('test')
  const server = await authority.issue({ commonName: 'ovn', names: [`${subnet}.1`] })
  const reader = await authority.issue({ commonName: 'system:nephele-southbound-reader' })
  const fabric = await startFabric({
    logFile: join(dir, 'fabric.log'),
    endsWithUs: true,
    hostInterface,
    hostCidr: `${subnet}.254/24`,
  })
  const rootfs = await ensureRootfs()
  const nodes = await Promise.all(
    names.map(async (name, i): Promise<TestNode> => {
      const central = i === 0
      const node = await startNode({
        dir: join(dir, name),
        name,
        index: i + 1,
        rootfs,
        fabricNet: fabricNet(fabric),
        managementCidr: `${subnet}.${i + 1}/24`,
        tunnelCidr: `10.99.0.${i + 1}/24`,
        services: [
          'ovsdb',
          'ovs-vswitchd',
          ...(central ? (['ovn-nb', 'ovn-sb', 'ovn-northd'] as const) : []),
          'ovn-controller',
        ],
        files: central
          ? {
              ovnCentral: {
                serverCertificate: server.certificate,
                serverKey: server.key,
                northboundClients: authority.certificate,
                southboundClients: authority.certificate,
              },
            }
          : {},
        binds: [
          { source: ROOT, target: '/src' },
          { source: NODE_BINARY, target: '/opt/nephele/bin/node' },
        ],
        endsWithUs: true,
      })
      await waitForNode(node)
      const identity = await authority.issue({ commonName: name, names: [name] })
      const files = { 'key.pem': identity.key, 'cert.pem': identity.certificate, 'ca.pem': authority.certificate }
      for (const [file, text] of Object.entries(files)) {
        const path = pathIn(node, `/etc/pki/nephele/${file}`)
        await mkdir(dirname(path), { recursive: true })
        await writeFile(path, text)
        await chmod(path, 0o600)
      }
      const start = () => startAgent(node, name, [`${subnet}.${i + 1}`, `10.99.0.${i + 1}`])
      const run = async (...argv: string[]) => (await execInNode(node, argv, { timeoutMs: 30_000 })).stdout
      const test: TestNode = {
        node,
        name,
        run,
        agent: await start(),
        startAgent: async () => (test.agent = await start()),
        startResolver: () => startInNode(node, ['/opt/nephele/bin/node', '/src/agents/resolver/main.ts']),
      }
      return test
    }),
  )
  const [first] = nodes
  if (!first) throw new Error('a cluster without nodes')
  return {
    nodes,
    ovnRemote: `ssl:${subnet}.1:6642`,
    southboundReader: `ssl:${subnet}.1:6643`,
    readerIdentity: { ca: authority.certificate, cert: reader.certificate, key: reader.key },
    northboundSocket: pathIn(first.node, '/run/ovn/ovnnb_db.sock'),
    southboundSocket: pathIn(first.node, '/run/ovn/ovnsb_db.sock'),
    stop: async () => {
      for (const { agent, node } of nodes) {
        await agent.stop('SIGKILL')
        await stopNode(node)
      }
      await stopFabric(fabric, hostInterface)
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
