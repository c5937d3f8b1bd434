// SPDX-License-Identifier: Apache-2.0
// Real nodes with OVN for tests: the first one runs OVN central too. Workloads are namespaces behind a veth whose outer end has the
// name of the port's tap: to the switch and OVN they are guests.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { TlsIdentity } from '../../../lib/ovsdb/remote.ts'
import type { ObservedDocument } from '../../../lib/contract/documents.ts'
import { ExecError } from '../../../lib/exec.ts'
import { createAuthority } from '../../../local/control-plane/authority.ts'
import { startFabric, stopFabric, fabricNet } from '../../../local/node/fabric.ts'
import { execInNode, pathIn, startNode, stopNode, waitForNode, type RunningNode } from '../../../local/node/node.ts'
import { ensureRootfs } from '../../../local/rootfs/build.ts'
import { tapName } from '../../compute/paths.ts'
import type { HarnessCommand } from './harness.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
const NODE_BINARY = process.execPath
/** Each test file that makes a cluster has a subnet of its own. */
const SUBNET = '10.98.249'

export interface TestAgent {
  send(command: HarnessCommand): void
  /** The last report of an object. */
  observed(kind: string, uid: string): ObservedDocument | undefined
  /** The first line that has this field. */
  waitLine(field: string, timeoutMs?: number): Promise<Record<string, unknown>>
  waitState(kind: string, uid: string, state: string, timeoutMs?: number): Promise<ObservedDocument>
  stop(signal?: NodeJS.Signals): Promise<void>
}

export interface TestNode {
  node: RunningNode
  name: string
  agent: TestAgent
  /** Runs it in the node's own namespaces; resolves with standard output, or with the failure's text. */
  run(...argv: string[]): Promise<string>
  startAgent(): Promise<TestAgent>
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

async function startAgent(node: RunningNode, name: string, addresses: string[]): Promise<TestAgent> {
  const argv = [
    '-t',
    String(node.pid),
    '-n',
    '-m',
    '-u',
    '-i',
    '-p',
    '--',
    '/opt/nephele/bin/node',
    '/src/agents/network/testing/harness.ts',
  ]
  const env = { PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' }
  const child = spawn('nsenter', [...argv, name, ...addresses], { stdio: ['pipe', 'pipe', 'pipe'], env })
  const lines: Record<string, unknown>[] = []
  const last = new Map<string, ObservedDocument>()
  const waiting = new Set<() => void>()
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-4000)))
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as Record<string, unknown>
    lines.push(line)
    const observed = line['observed'] as ObservedDocument | undefined
    if (observed) last.set(`${observed.kind}.${observed.uid}`, observed)
    for (const wake of [...waiting]) wake()
  })
  const closed = new Promise<void>((done) => child.once('close', () => done()))
  const wait = async <T>(what: string, probe: () => T | undefined, timeoutMs = 15_000): Promise<T> => {
    const end = performance.now() + timeoutMs
    for (;;) {
      const found = probe()
      if (found !== undefined) return found
      const left = end - performance.now()
      if (left <= 0 || child.exitCode !== null)
        throw new Error(`${name}: no ${what}; ${JSON.stringify([...last.values()])} ${stderr}`)
      await new Promise<void>((done) => {
        const wake = (): void => {
          clearTimeout(timer)
          waiting.delete(wake)
          done()
        }
        const timer = setTimeout(wake, left)
        waiting.add(wake)
      })
    }
  }
  const agent: TestAgent = {
    send: (command) => void child.stdin.write(`${JSON.stringify(command)}\n`),
    observed: (kind, uid) => last.get(`${kind}.${uid}`),
    waitLine: (field, timeoutMs) => wait(field, () => lines.find((line) => field in line), timeoutMs),
    waitState: (kind, uid, state, timeoutMs) =>
      wait(`${kind} ${uid} ${state}`, () => [last.get(`${kind}.${uid}`)].find((o) => o?.state === state), timeoutMs),
    stop: async (signal = 'SIGTERM') => {
      // nsenter remains as the parent of the process in the PID namespace: its child is the agent.
      const inside = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()
      for (const pid of inside === '' ? [] : inside.split(' ')) process.kill(Number(pid), signal)
      child.kill(signal)
      await closed
    },
  }
  await agent.waitLine('ready')
  return agent
}

/** A namespace on the node that stands for a guest with this port. */
export class Workload {
  readonly host: TestNode
  readonly portUid: string
  readonly mac: string
  readonly #name: string

  constructor(host: TestNode, portUid: string, mac: string) {
    this.host = host
    this.portUid = portUid
    this.mac = mac
    this.#name = `guest-${portUid}`
  }

  /** What a hypervisor does at each start: the device is new, the guest's memory is not. */
  async plugIn(): Promise<void> {
    const tap = tapName(this.portUid)
    await this.host.run('ip', 'netns', 'add', this.#name).catch(() => undefined)
    await this.host.run(
      'ip',
      'link',
      'add',
      tap,
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      this.#name,
      'address',
      this.mac,
    )
    await this.run('ethtool', '-K', 'eth0', 'tx', 'off')
    await this.host.run('ip', '-n', this.#name, 'link', 'set', 'eth0', 'up')
    await this.host.run('ip', 'link', 'set', tap, 'up', 'mtu', '1442')
  }

  async unplug(): Promise<void> {
    await this.host.run('ip', 'link', 'delete', tapName(this.portUid))
  }

  run(...argv: string[]): Promise<string> {
    return this.host.run('nsenter', `--net=/run/netns/${this.#name}`, '--', ...argv)
  }

  lease(): Promise<string> {
    return this.run(
      'busybox',
      'udhcpc',
      '-i',
      'eth0',
      '-n',
      '-q',
      '-t',
      '10',
      '-T',
      '1',
      '-O',
      'mtu',
      '-O',
      'staticroutes',
      '-O',
      'hostname',
      '-s',
      '/src/agents/network/testing/dhcp-client.sh',
    )
  }

  /** True when it answers. */
  async ping(address: string, options: { size?: number; seconds?: number; from?: string } = {}): Promise<boolean> {
    const { size = 56, seconds = 1, from } = options
    const argv = [
      'ping',
      '-c',
      '1',
      '-W',
      String(seconds),
      '-M',
      'do',
      '-s',
      String(size),
      ...(from ? ['-I', from] : []),
      address,
    ]
    return this.run(...argv).then(() => true, notFailed)
  }

  async get(path: string, ...headers: string[]): Promise<string> {
    const extra = headers.flatMap((header) => ['-H', header])
    return this.run('curl', '-s', '-m', '5', '-w', '\n%{http_code}', ...extra, `http://169.254.169.254${path}`)
  }
}

function notFailed(error: unknown): boolean {
  if (error instanceof ExecError && !error.timedOut) return false
  throw error
}
