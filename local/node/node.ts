// SPDX-License-Identifier: Apache-2.0
// A node of the local cloud: an overlay on the shared root file system with its own namespaces, whose PID 1 (init.sh, then
// supervise.sh) is all there is to end. Its disk is NODE_DIR/upper: it survives a reboot and goes with removeNode.
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exec, type ExecOptions, type ExecResult } from '../../lib/exec.ts'
import { endProcess, isRunning, startProcess, startTimeOf, type ProcessId } from '../host/process.ts'
import { waitUntil } from '../host/wait.ts'
import { nodeFiles, type NodeFile, type NodeFilesOptions } from './files.ts'

const scriptDir = dirname(fileURLToPath(import.meta.url))

export const SERVICES = [
  'virtlogd',
  'libvirtd',
  'ovsdb',
  'ovs-vswitchd',
  'ovn-controller',
  'ovn-nb',
  'ovn-sb',
  'ovn-northd',
  'agent',
  'resolver',
  // of nodes of a Kubernetes cluster (local/cluster)
  'containerd',
  'kubelet',
  'kube-proxy',
] as const
export type ServiceName = (typeof SERVICES)[number]

export interface NodeOptions {
  /** State on the host: `pid`, `boot_id`, `log`, and the node's disk in `upper`. */
  dir: string
  name: string
  /** 1 to 250: the last byte of its addresses. */
  index: number
  rootfs: string
  /** The fabric's namespace (fabric.ts). */
  fabricNet: string
  managementCidr: string
  tunnelCidr: string
  services: readonly ServiceName[]
  /** The switch runs on DPDK; so much memory must be free in hugepages. Absent: it runs without. */
  dpdk?: { memoryMiB: number; pmdCpuMask: string }
  files: Omit<NodeFilesOptions, 'name' | 'index'>
  /** Host path and the absolute path inside, mounted read-only. */
  binds: readonly { source: string; target: string }[]
  /** The same, writable: for what cannot be on the node's overlay. */
  volumes?: readonly { source: string; target: string }[]
  /** More configuration: absolute path to text. */
  moreFiles?: Readonly<Record<string, NodeFile>>
  endsWithUs: boolean
}

export interface RunningNode extends ProcessId {
  name: string
  dir: string
}

/** Starts the node and returns once its PID 1 exists; waitForNode waits for its daemons. */
export async function startNode(o: NodeOptions): Promise<RunningNode> {
  for (const folder of ['upper', 'work', 'root']) await mkdir(join(o.dir, folder), { recursive: true })
  await rm(join(o.dir, 'pid'), { force: true })
  await writeFile(join(o.dir, 'boot_id'), `${randomUUID()}\n`)
  const binds = [
    ...o.binds,
    { source: scriptDir, target: '/usr/local/lib/nephele-node' },
    // What OVN's southbound database lets nodes do is the chart's to say.
    { source: join(scriptDir, '../../charts/nephele/files'), target: '/usr/local/lib/nephele-ovn' },
  ]
  await writeFile(join(o.dir, 'binds'), binds.map(toBindLine).join(''))
  await writeFile(join(o.dir, 'volumes'), (o.volumes ?? []).map(toBindLine).join(''))
  const files = { ...nodeFiles({ name: o.name, index: o.index, ...o.files }), ...o.moreFiles }
  for (const [path, file] of Object.entries(files)) {
    const onDisk = join(o.dir, 'upper', path)
    await mkdir(dirname(onDisk), { recursive: true })
    await writeFile(onDisk, file.text, { mode: file.mode })
    await chmod(onDisk, file.mode)
  }
  const namespaces = ['-n', '-m', '-u', '-i', '-p', '-f', '--propagation', 'private', '--kill-child']
  const started = await startProcess({
    name: o.name,
    argv: ['unshare', ...namespaces, '/bin/bash', join(scriptDir, 'init.sh')],
    logFile: join(o.dir, 'log'),
    endsWithUs: o.endsWithUs,
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      NODE_NAME: o.name,
      NODE_DIR: o.dir,
      NODE_INDEX: String(o.index),
      ROOTFS: o.rootfs,
      FABRIC_NET: o.fabricNet,
      MANAGEMENT_CIDR: o.managementCidr,
      TUNNEL_CIDR: o.tunnelCidr,
      SERVICES: o.services.join(' '),
      ...(o.dpdk ? { DPDK_MEMORY_MIB: String(o.dpdk.memoryMiB), DPDK_CPU_MASK: o.dpdk.pmdCpuMask } : {}),
    },
  })
  const pid = await waitUntil(`node ${o.name}`, () => readPid(join(o.dir, 'pid')), {
    timeoutMs: 10_000,
    everyMs: 5,
    process: started,
  })
  return { name: o.name, dir: o.dir, pid, startTime: startTimeOf(pid) ?? -1 }
}

/** Returns when every service of the node has answered once. */
export async function waitForNode(node: RunningNode, timeoutMs = 30_000): Promise<void> {
  const logFile = join(node.dir, 'log')
  const process = { name: node.name, logFile, pid: node.pid, startTime: node.startTime }
  await waitUntil(`the daemons of node ${node.name}`, () => existsSync(pathIn(node, '/run/nephele-node/ready')), {
    timeoutMs,
    process,
  })
}

/** Ends everything in the node at once, guests too; its disk stays. */
export async function stopNode(node: RunningNode): Promise<void> {
  await endProcess(node, 0)
}

/** Runs a program in the node. @throws ExecError as exec does */
export function execInNode(node: RunningNode, argv: readonly string[], options: ExecOptions): Promise<ExecResult> {
  return exec(enterArguments(node, argv), { ...options, env: { ...NODE_ENVIRONMENT, ...options.env } })
}

export const NODE_ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
} as const

/** The command line that runs another one in all of a node's namespaces. */
export function enterArguments(node: ProcessId, argv: readonly string[]): [string, ...string[]] {
  return ['nsenter', '-t', String(node.pid), '-n', '-m', '-u', '-i', '-p', '--', ...argv]
}

/** A path inside of a running node, as the host can open it. */
export function pathIn(node: ProcessId, path: string): string {
  return join(`/proc/${node.pid}/root`, path)
}

export function isNodeRunning(node: RunningNode): boolean {
  return isRunning(node)
}

function readPid(file: string): number | undefined {
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined
}

function toBindLine({ source, target }: { source: string; target: string }): string {
  if (/[\t\n]/.test(source + target)) throw new Error(`a path with a tab or line break cannot be mounted: ${source}`)
  return `${source}\t${target}\n`
}
