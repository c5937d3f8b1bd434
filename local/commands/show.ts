// SPDX-License-Identifier: Apache-2.0
// status, nodes, logs: what is there. Nothing here changes anything.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { openCloud, type Cloud, type CloudProcess } from '../cloud/cloud.ts'
import { defineNodes, servicesOf } from '../cloud/definition.ts'
import { logTail } from '../host/wait.ts'
import { isNodeRunning, pathIn } from '../node/node.ts'
import { instanceLines, listInstances } from './instances.ts'

const PROCESSES: readonly CloudProcess[] = ['etcd', 'apiserver', 'controller-manager', 'nats', 'caretaker', 'operator']

/** False when something of the cloud is not running. */
export async function showStatus(name: string, print: (line: string) => void): Promise<boolean> {
  const cloud = openCloud(name)
  let whole = true
  for (const process of PROCESSES) {
    const running = cloud.findProcess(process)
    whole &&= running !== undefined
    print(`${process.padEnd(20)} ${running ? `running, pid ${running.pid}` : 'not running'}`)
  }
  whole = showNodes(name, print) && whole
  if (cloud.findProcess('apiserver')) {
    print('')
    const instances = await listInstances(cloud).catch(() => [])
    for (const line of instances.length > 0 ? instanceLines(instances) : ['no machines']) print(line)
  }
  return whole
}

export function showNodes(name: string, print: (line: string) => void): boolean {
  const cloud = openCloud(name)
  let whole = true
  for (const definition of defineNodes(cloud.state)) {
    const node = cloud.state.nodes[definition.name]
    const running = node !== undefined && isNodeRunning(node)
    whole &&= running
    const down = running ? servicesOf(definition).filter((s) => !cloud.findDaemon(definition.name, s)) : []
    whole &&= down.length === 0
    const roles = Object.entries(definition.labels).map(([key, value]) => `${key.replace(/^.*\//, '')}=${value}`)
    if (definition.dpdk) roles.push('dpdk')
    const state = running ? `running, pid ${node.pid}` : 'not running'
    print(
      `${definition.name.padEnd(20)} ${state}  ${roles.join(' ')}${down.length > 0 ? `  DOWN: ${down.join(' ')}` : ''}`,
    )
  }
  return whole
}

/** All log files by name: `operator`, `apiserver`, `compute-1/agent`, … */
function findLogs(cloud: Cloud): Record<string, string> {
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
