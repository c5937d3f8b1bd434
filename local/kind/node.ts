// SPDX-License-Identifier: Apache-2.0
// A node of kind is a container: how it is reached, and how it becomes a host of Nephele.
import { dirname } from 'node:path'
import { exec, ExecError } from '../../lib/exec.ts'
import type { NodeFile } from '../node/files.ts'
import {
  HOST_FOLDERS,
  HOST_PACKAGES,
  HOST_UNITS,
  hostFiles,
  missingPackages,
  PACKAGE_FORMAT,
  UNUSED_UNITS,
} from './host-services.ts'
import type { Runtime } from './runtime.ts'
import { bridgeCommands, interfaceOf, networkOf, TUNNEL_BRIDGE, tunnelEnd, type TunnelEnd } from './tunnels.ts'

const MINUTE_MS = 60_000

export interface KindNode {
  name: string
  runtime: Runtime
}

export interface RunOptions {
  timeoutMs?: number
  input?: string
}

/** Runs a program in the node; resolves to its output. @throws ExecError */
export async function runInNode(node: KindNode, argv: readonly string[], o: RunOptions = {}): Promise<string> {
  const { input, timeoutMs = MINUTE_MS } = o
  const options = input === undefined ? [] : ['--interactive']
  const { stdout } = await exec([node.runtime, 'exec', ...options, node.name, ...argv], {
    timeoutMs,
    ...(input === undefined ? {} : { input }),
  })
  return stdout
}

/** Installs and starts the host services that the node lacks. @param index another for each node of a cluster */
export async function installHostServices(node: KindNode, index: number): Promise<void> {
  const missing = await findMissingPackages(node)
  if (missing.length > 0) await installPackages(node, missing)
  for (const [path, mode] of HOST_FOLDERS) await runInNode(node, ['install', '-d', '-m', mode, path])
  let changed = missing.length > 0
  for (const [path, file] of Object.entries(hostFiles(node.name, index))) {
    changed = (await writeInNode(node, path, file)) || changed
  }
  await runInNode(node, ['systemctl', 'disable', '--quiet', '--now', ...UNUSED_UNITS])
  await runInNode(node, ['systemctl', 'enable', '--quiet', ...HOST_UNITS])
  await runInNode(node, ['systemctl', changed ? 'restart' : 'start', ...HOST_UNITS], { timeoutMs: 2 * MINUTE_MS })
  // Which datapath is the host's to say: docs/node-prerequisites.md. Nodes of kind have the kernel of the machine, whatever it can.
  const datapath = 'external_ids:ovn-bridge-datapath-type=netdev'
  await runInNode(node, ['ovs-vsctl', '--timeout=30', 'set', 'open_vswitch', '.', datapath])
}

async function findMissingPackages(node: KindNode): Promise<string[]> {
  try {
    const query = ['dpkg-query', '--show', `--showformat=${PACKAGE_FORMAT}`, ...HOST_PACKAGES]
    return missingPackages(await runInNode(node, query))
  } catch (error) {
    // Of one that it has never heard of it says so and ends with 1, whatever else is there.
    if (error instanceof ExecError && error.exitCode === 1) return [...HOST_PACKAGES]
    throw error
  }
}

async function installPackages(node: KindNode, packages: readonly string[]): Promise<void> {
  const apt = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq'] as const
  const keepOurs = ['-o', 'Dpkg::Options::=--force-confold']
  await runInNode(node, [...apt, 'update'], { timeoutMs: 5 * MINUTE_MS })
  const install = ['--yes', '--no-install-recommends', ...keepOurs, 'install', '--', ...packages]
  await runInNode(node, [...apt, ...install], { timeoutMs: 10 * MINUTE_MS })
}

/** @returns whether it was another before */
async function writeInNode(node: KindNode, path: string, { text, mode }: NodeFile): Promise<boolean> {
  if ((await readInNode(node, path)) === text) return false
  await runInNode(node, ['mkdir', '-p', dirname(path)])
  await runInNode(node, ['tee', path], { input: text })
  await runInNode(node, ['chmod', mode.toString(8), path])
  return true
}

/** Empty where there is no such file. */
export async function readInNode(node: KindNode, path: string): Promise<string> {
  try {
    return await runInNode(node, ['cat', '--', path])
  } catch (error) {
    if (error instanceof ExecError && error.exitCode === 1) return ''
    throw error
  }
}

/** Connects it to the network of tunnels and puts the switch's bridge there. @returns the network's addresses */
export async function connectTunnels(node: KindNode, network: string): Promise<string> {
  const end = (await findTunnelEnd(node, network)) ?? (await connect(node, network))
  const name = interfaceOf(await runInNode(node, ['ip', '-json', 'address']), end.address)
  if (name === undefined) throw new Error(`node ${node.name} has no interface with the address ${end.address}`)
  if (name !== TUNNEL_BRIDGE) for (const argv of bridgeCommands(name, end)) await runInNode(node, argv)
  return networkOf(end)
}

async function connect(node: KindNode, network: string): Promise<TunnelEnd> {
  await exec([node.runtime, 'network', 'connect', network, node.name], { timeoutMs: MINUTE_MS })
  const end = await findTunnelEnd(node, network)
  if (!end) throw new Error(`${node.runtime} gave node ${node.name} no address in its network ${network}`)
  return end
}

async function findTunnelEnd({ runtime, name }: KindNode, network: string): Promise<TunnelEnd | undefined> {
  const format = '{{json .NetworkSettings.Networks}}'
  const { stdout } = await exec([runtime, 'inspect', '--format', format, name], { timeoutMs: MINUTE_MS })
  return tunnelEnd(stdout, network)
}
