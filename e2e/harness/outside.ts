// SPDX-License-Identifier: Apache-2.0
// Hosts outside of the cloud, on the physical network that its nodes have eth2 on: what reaches guests by provider networks, router
// gateways and floating IPs, and what guests reach there.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exec, ExecError, type ExecResult } from '../../lib/exec.ts'
import { addressesOf, defineNodes } from '../../local/cloud/definition.ts'
import { fabricNet, inRoot } from '../../local/node/fabric.ts'
import { execInNode, startNode, stopNode, waitForNode } from '../../local/node/node.ts'
import type { TestCloud } from './cloud.ts'

type Run = (argv: readonly string[], timeoutMs?: number) => Promise<ExecResult>

export class OutsideHost {
  readonly address: string
  readonly #run: Run

  constructor(address: string, run: Run) {
    this.address = address
    this.#run = run
  }

  /** Runs a program of the nodes' root file system (ping, curl, busybox) on this host. @throws ExecError */
  within(argv: readonly string[], timeoutMs = 30_000): Promise<ExecResult> {
    return this.#run(argv, timeoutMs)
  }

  /** Is the address reached by ping? One packet a second, at most `attempts`. */
  async pings(address: string, attempts = 3): Promise<boolean> {
    for (let i = 0; i < attempts; i++) {
      if (await this.#succeeds(['ping', '-c', '1', '-W', '1', address])) return true
    }
    return false
  }

  /** Body of http://address/path, or undefined when nothing comes. */
  async fetch(address: string, path = ''): Promise<string | undefined> {
    const argv = ['curl', '--silent', '--fail', '--max-time', '5', `http://${address}/${path}`]
    return (await this.#succeeds(argv))?.stdout.trim()
  }

  /** The MAC of an address on this host's own segment, once it was pinged; undefined while none has answered. */
  async macOf(address: string): Promise<string | undefined> {
    const { stdout } = await this.within(['ip', '-json', 'neighbour', 'show', address])
    return (JSON.parse(stdout || '[]') as { lladdr?: string }[])[0]?.lladdr
  }

  async #succeeds(argv: readonly string[]): Promise<ExecResult | undefined> {
    try {
      return await this.within(argv, 15_000)
    } catch (error) {
      if (error instanceof ExecError) return undefined
      throw error
    }
  }
}

/** The outside gateway's device on the physical network, without tags. */
export const OUTSIDE_DEVICE = 'ext'

/** The gateway of the cloud's external network, which is a host of its own there: the fabric's namespace, nobody's node. */
export function outsideGateway({ cloud }: TestCloud): OutsideHost {
  const { fabric, rootfs, subnet } = cloud.state
  if (!fabric) throw new Error('the cloud has no fabric')
  const run: Run = (argv, timeoutMs) => inRoot(fabricNet(fabric), rootfs, argv, timeoutMs)
  return new OutsideHost(addressesOf(subnet).external.gateway, run)
}

/** An HTTP server on the outside gateway that answers with the address that it sees the caller under. */
export async function startEcho(test: TestCloud): Promise<{ url: string } & AsyncDisposable> {
  const { fabric, subnet } = test.cloud.state
  if (!fabric) throw new Error('the cloud has no fabric')
  const { gateway } = addressesOf(subnet).external
  const answer = '(q, a) => a.end(q.socket.remoteAddress)'
  const program = `require('http').createServer(${answer}).listen(0, '${gateway}', function () { console.log(this.address().port) })`
  const child = spawn('nsenter', [`--net=${fabricNet(fabric)}`, process.execPath, '-e', program])
  const [port] = (await once(child.stdout, 'data')) as [Buffer]
  return {
    url: `http://${gateway}:${String(port).trim()}/`,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

/** Gives a node without eth2 one again, as its start does (local/node/init.sh). */
export async function plugCable({ cloud }: TestCloud, node: string): Promise<void> {
  const { fabric } = cloud.state
  const index = defineNodes(cloud.state).find(({ name }) => name === node)?.index
  if (!fabric || index === undefined) throw new Error(`no node ${node} on a fabric`)
  const [inFabric, inNode] = [fabric, cloud.node(node)].map(({ pid }) => `/proc/${pid}/ns/net`)
  const outer = `n${index}-x`
  const run = (...argv: [string, ...string[]]) => exec(argv, { timeoutMs: 10_000 })
  await run(
    'ip',
    'link',
    'add',
    outer,
    'netns',
    inFabric ?? '',
    'type',
    'veth',
    'peer',
    'name',
    'eth2',
    'netns',
    inNode ?? '',
  )
  await run('nsenter', `--net=${inFabric}`, 'ip', 'link', 'set', outer, 'master', 'ext', 'up')
  await cloud.exec(node, ['ethtool', '-K', 'eth2', 'tx', 'off'])
}

export interface VlanHost extends AsyncDisposable {
  host: OutsideHost
}

/** Far from any node's number; each host of a test has one of its own. */
const FIRST_INDEX = 240

/**
 * A host on a VLAN of the physical network. Kernels may know nothing of VLANs (ours does not): it is a node of its own, which no cloud
 * knows, with a switch that tags. Its end takes it all away.
 * @param address such as `192.168.7.9/24`
 */
export async function startVlanHost(test: TestCloud, vlan: number, address: string, number = 0): Promise<VlanHost> {
  const { fabric, rootfs, subnet } = test.cloud.state
  if (!fabric) throw new Error('the cloud has no fabric')
  const dir = await mkdtemp(join(tmpdir(), 'nephele-outside-'))
  const node = { index: FIRST_INDEX + number }
  const { managementOf, tunnelOf } = addressesOf(subnet)
  const running = await startNode({
    ...{ dir, name: `outside-${vlan}`, ...node, rootfs, fabricNet: fabricNet(fabric) },
    managementCidr: `${managementOf(node)}/24`,
    tunnelCidr: `${tunnelOf(node)}/24`,
    services: ['ovsdb', 'ovs-vswitchd'],
    ...{ files: {}, binds: [], endsWithUs: true },
  })
  const stop = async () => {
    await stopNode(running)
    await rm(dir, { recursive: true, force: true })
  }
  const run: Run = (argv, timeoutMs = 30_000) => execInNode(running, argv, { timeoutMs })
  const device = `vlan${vlan}`
  try {
    await waitForNode(running)
    const bridge = ['add-br', 'br-ext', '--', 'set', 'bridge', 'br-ext', 'datapath_type=netdev']
    const ports = ['--', 'add-port', 'br-ext', 'eth2', '--', 'add-port', 'br-ext', device, `tag=${vlan}`]
    await run(['ovs-vsctl', '--timeout=10', ...bridge, ...ports, '--', 'set', 'interface', device, 'type=internal'])
    await run(['ip', 'address', 'add', address, 'dev', device])
    await run(['ip', 'link', 'set', device, 'up'])
    await run(['ethtool', '-K', device, 'tx', 'off'])
  } catch (error) {
    await stop()
    throw error
  }
  return { host: new OutsideHost(address.replace(/\/.*/, ''), run), [Symbol.asyncDispose]: stop }
}
