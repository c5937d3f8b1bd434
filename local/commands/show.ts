// SPDX-License-Identifier: Apache-2.0
// status, nodes, logs: what is there. Nothing here changes anything.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { GROUP } from '../../lib/api/kinds.ts'
import { openCloud, type Cloud, type CloudProcess } from '../cloud/cloud.ts'
import { DEFAULT_CLOUD, defineNodes, servicesOf, type NodeDefinition } from '../cloud/definition.ts'
import { logTail } from '../host/wait.ts'
import { isNodeRunning, pathIn } from '../node/node.ts'
import { instanceLines, listInstances } from './instances.ts'
import { table } from './table.ts'

/** What each is there for, in a newcomer's words. */
const PROCESSES: Readonly<Record<CloudProcess, string>> = {
  etcd: "Kubernetes' store",
  apiserver: "Kubernetes' API",
  'controller-manager': 'deletes namespaces and what lost its owner',
  nats: 'carries messages between operator and nodes',
  caretaker: 'serves the image of the example, renews tokens',
  operator: 'places machines, reports their state',
  console: 'carries consoles of machines to terminals',
}

/** False when something of the cloud is not running. */
export async function showStatus(name: string, print: (line: string) => void): Promise<boolean> {
  const cloud = openCloud(name)
  const processes = Object.entries(PROCESSES).map(([process, what]) => {
    const running = cloud.findProcess(process as CloudProcess)
    return { name: process, state: running ? `running, pid ${running.pid}` : 'not running', what, down: !running }
  })
  for (const line of table(
    ['PROCESS', 'STATE', 'WHAT IT DOES'],
    processes.map((p) => [p.name, p.state, p.what]),
  ))
    print(line)
  print('')
  const nodesRun = showNodes(name, print)
  if (cloud.findProcess('apiserver')) {
    print('')
    const instances = await listInstances(cloud).catch(() => [])
    for (const line of instances.length > 0 ? instanceLines(instances) : ['no machines']) print(line)
  }
  const down = processes.filter((p) => p.down).map((p) => p.name)
  if (down.length === 0 && nodesRun) return true
  const own = name === DEFAULT_CLOUD ? '' : `--name ${name} `
  const what = down.length > 0 ? down.join(', ') : 'of the nodes above not everything'
  print(
    `\nnot running: ${what}. "npm run cloud -- ${own}logs NAME" may say why, "npm run cloud -- ${own}up" starts it again.`,
  )
  return false
}

/** False when a node, or a service of one, is not running. */
export function showNodes(name: string, print: (line: string) => void): boolean {
  const cloud = openCloud(name)
  let whole = true
  const rows = defineNodes(cloud.state).map((definition) => {
    const node = cloud.state.nodes[definition.name]
    const running = node !== undefined && isNodeRunning(node)
    const down = running ? servicesOf(definition).filter((s) => !cloud.findDaemon(definition.name, s)) : []
    whole &&= running && down.length === 0
    const state = running ? `running, pid ${node.pid}` : 'not running'
    const zone = definition.labels['topology.kubernetes.io/zone'] ?? ''
    return [definition.name, state, zone, rolesOf(definition).join(', '), down.join(', ')]
  })
  for (const line of table(['NODE', 'STATE', 'ZONE', 'ROLES', 'SERVICES DOWN'], rows)) print(line)
  return whole
}

/** Pure: from the node's labels, such as `compute (libvirt)` or `storage`. */
export function rolesOf({ labels, dpdk }: Pick<NodeDefinition, 'labels' | 'dpdk'>): string[] {
  const own = Object.entries(labels).filter(([key]) => key.startsWith(`${GROUP}/`))
  const roles = own.map(([key, value]) => {
    const role = key.slice(GROUP.length + 1)
    return value === 'true' ? role : `${role} (${value})`
  })
  return dpdk ? [...roles, 'DPDK'] : roles
}

/** All log files by name: `operator`, `apiserver`, `compute-1/agent`, … */
export function findLogs(cloud: Cloud): Record<string, string> {
  const logs: Record<string, string> = {}
  const add = (dir: string, prefix: string) => {
    if (!existsSync(dir)) return
    for (const file of readdirSync(dir)) if (file.endsWith('.log')) logs[prefix + file.slice(0, -4)] = join(dir, file)
  }
  add(join(cloud.layout.dir, 'log'), '')
  add(join(cloud.layout.controlPlane, 'log'), '')
  for (const node of Object.values(cloud.state.nodes)) {
    logs[node.name] = join(node.dir, 'log')
    if (!isNodeRunning(node)) continue
    for (const dir of ['nephele-node', 'openvswitch', 'ovn', 'libvirt/qemu'])
      add(pathIn(node, `/var/log/${dir}`), `${node.name}/`)
  }
  return logs
}

/** Without `which`: every log's name and path; with it: the end of that log. @throws when there is none of that name */
export function showLogs(name: string, which: string | undefined, print: (line: string) => void): void {
  const logs = findLogs(openCloud(name))
  if (which === undefined) {
    for (const [log, path] of Object.entries(logs)) print(`${log.padEnd(32)} ${path}`)
    return
  }
  const path = logs[which]
  if (path === undefined) throw new Error(`no log "${which}"; npm run cloud -- logs lists them`)
  print(logTail(path, 200))
}
