// SPDX-License-Identifier: Apache-2.0
// What stands in for the cables between the nodes: a network namespace, kept by one sleeping process, with three bridges: `mg`
// (management; the host takes part by a veth), `ul` (tunnels; nodes only, room for the tunnel header in its MTU) and `ext` (a physical
// network; carries VLAN tags as they are). On `ext` the namespace itself is the world outside of the cloud: nobody's node.
import { exec, ExecError, type ExecResult } from '../../lib/exec.ts'
import { endProcess, startProcess, type ProcessId, type StartedProcess } from '../host/process.ts'
import { waitUntil } from '../host/wait.ts'
import { readFileSync, readlinkSync } from 'node:fs'

const TUNNEL_MTU = 1600
const MANAGEMENT_MTU = 1500
const EXTERNAL_MTU = 1500
/** Else a bridge takes that of one of its ports, and another one as these come and go: whoever knows the gateway would lose it. */
const EXTERNAL_MAC = '02:00:0a:61:00:01'

export interface FabricOptions {
  logFile: string
  endsWithUs: boolean
  /** The host's end of the management network: at most 15 characters. */
  hostInterface: string
  /** The host's address there, such as `10.98.0.254/24`. */
  hostCidr: string
  /** Who the namespace is on `ext`; absent: nobody. */
  outside?: Outside
}

/** Routes between `ext` and the host, and to nothing else: no node's management address is reached from there. */
export interface Outside {
  /** Its address on `ext`, such as `10.97.0.1/24`: the gateway of the cloud's external network. */
  cidr: string
  /** That network: the host has a route to it for as long as it has hostInterface. */
  network: string
  /** Its address on `mg`, without a prefix. */
  router: string
  /** Has ethtool, which the host may not have. */
  rootfs: string
}

/** The namespace's file, for `ip … netns` and nsenter. */
export function fabricNet(fabric: ProcessId): string {
  return `/proc/${fabric.pid}/ns/net`
}

/** @param onStarted called before anything else can fail, so that the process can be recorded */
export async function startFabric(
  options: FabricOptions,
  onStarted?: (fabric: StartedProcess) => void,
): Promise<StartedProcess> {
  const { logFile, endsWithUs } = options
  const fabric = await startProcess({
    name: 'fabric',
    argv: ['unshare', '-n', 'sleep', 'infinity'],
    logFile,
    endsWithUs,
  })
  onStarted?.(fabric)
  try {
    await link(fabric, options)
    return fabric
  } catch (error) {
    await stopFabric(fabric, options.hostInterface)
    throw error
  }
}

async function link(fabric: StartedProcess, options: FabricOptions): Promise<void> {
  const { hostInterface, hostCidr, outside } = options
  const net = fabricNet(fabric)
  const ours = readlinkSync('/proc/self/ns/net')
  await waitUntil('the fabric namespace', () => readlinkSync(net) !== ours, {
    timeoutMs: 5000,
    everyMs: 5,
    process: fabric,
  })
  const inFabric = (batch: string[][]) => ipBatch(['nsenter', `--net=${net}`, 'ip'], batch)
  await inFabric([
    ['link', 'set', 'lo', 'up'],
    ['link', 'add', 'mg', 'mtu', String(MANAGEMENT_MTU), 'type', 'bridge'],
    ['link', 'add', 'ul', 'mtu', String(TUNNEL_MTU), 'type', 'bridge'],
    ['link', 'add', 'ext', 'address', EXTERNAL_MAC, 'mtu', String(EXTERNAL_MTU), 'type', 'bridge'],
    ['link', 'set', 'mg', 'up'],
    ['link', 'set', 'ul', 'up'],
    ['link', 'set', 'ext', 'up'],
  ])
  const veth = ['link', 'add', hostInterface, 'mtu', String(MANAGEMENT_MTU), 'type', 'veth']
  await ipBatch(
    ['ip'],
    [
      [...veth, 'peer', 'name', 'host', 'mtu', String(MANAGEMENT_MTU), 'netns', net],
      ['address', 'add', hostCidr, 'dev', hostInterface],
      ['link', 'set', hostInterface, 'up'],
    ],
  )
  await inFabric([['link', 'set', 'host', 'master', 'mg', 'up']])
  if (outside) await linkOutside(net, options, outside)
}

async function linkOutside(net: string, { hostInterface, hostCidr }: FabricOptions, outside: Outside): Promise<void> {
  const host = hostCidr.replace(/\/.*/, '')
  await ipBatch(
    ['nsenter', `--net=${net}`, 'ip'],
    [
      ['address', 'add', outside.cidr, 'dev', 'ext'],
      ['address', 'add', `${outside.router}/32`, 'dev', 'mg'],
      ['route', 'add', `${host}/32`, 'dev', 'mg', 'src', outside.router],
    ],
  )
  // The userspace switches do not complete checksums.
  await inRoot(net, outside.rootfs, ['ethtool', '-K', 'ext', 'tx', 'off'])
  const forward = '/proc/sys/net/ipv4/ip_forward'
  await exec(['nsenter', `--net=${net}`, 'tee', forward], { timeoutMs: 10_000, input: '1\n' })
  await ipBatch(['ip'], [['route', 'add', outside.network, 'via', outside.router, 'dev', hostInterface]])
}

/** Whether it has the network outside; those of versions before 0.2.0 have none. */
export function hasOutside({ pid }: ProcessId): boolean {
  return /^ *ext:/m.test(readFileSync(`/proc/${pid}/net/dev`, 'utf8'))
}

/** Runs a program of a root file system in the fabric's namespace. @throws ExecError */
export function inRoot(net: string, rootfs: string, argv: readonly string[], timeoutMs = 10_000): Promise<ExecResult> {
  return exec(['nsenter', `--net=${net}`, `--root=${rootfs}`, '--wd=/', '--', ...argv], { timeoutMs })
}

/** Ends the fabric. The kernel would remove the host's interface with the namespace, but in its own time. */
export async function stopFabric(fabric: ProcessId, hostInterface: string): Promise<void> {
  try {
    await exec(['ip', 'link', 'delete', hostInterface], { timeoutMs: 10_000 })
  } catch (error) {
    if (!(error instanceof ExecError) || !error.stderr.includes('Cannot find device')) throw error
  }
  await endProcess(fabric, 0)
}

async function ipBatch(ip: [string, ...string[]], commands: string[][]): Promise<void> {
  for (const word of commands.flat()) if (/\s|^$/.test(word)) throw new Error(`not one word for ip: "${word}"`)
  await exec([...ip, '-batch', '-'], { timeoutMs: 10_000, input: commands.map((c) => c.join(' ') + '\n').join('') })
}
