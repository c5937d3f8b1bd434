// SPDX-License-Identifier: Apache-2.0
// What of our making a node still holds, asked of the real daemons and its disk and not of the agent.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { execInNode, pathIn, type RunningNode } from '../../local/node/node.ts'
import { waitUntilTrue } from './wait.ts'

const DATA = '/var/lib/nephele'
const RUN = '/run/nephele'

/** One line for each domain, tap, switch port, daemon, file or logical row that belongs to `uids`; empty when nothing is left. */
export async function leftovers(node: RunningNode, uids: readonly string[]): Promise<string[]> {
  const found: string[] = []
  const holdsOne = (text: string) => uids.some((uid) => text.includes(uid))
  const isPortOf = (text: string) => uids.some((uid) => ['tap', 'vhu'].some((p) => text.includes(p + uid.slice(0, 11))))
  const run = async (...argv: string[]) => (await execInNode(node, argv, { timeoutMs: 10_000 })).stdout.split('\n')

  const hasLibvirt = existsSync(pathIn(node, '/run/libvirt/libvirt-sock'))
  const domains = hasLibvirt ? await run('virsh', 'list', '--all', '--name', '--uuid') : []
  for (const line of domains) if (holdsOne(line)) found.push(`domain ${line}`)
  for (const line of await run('ip', '-o', 'link')) if (isPortOf(line)) found.push(`interface ${line}`)
  for (const line of await run(
    'ovs-vsctl',
    '--timeout=5',
    '--bare',
    '--columns=name,external_ids',
    'list',
    'Interface',
  )) {
    if (holdsOne(line)) found.push(`switch port ${line}`)
  }
  for (const line of await run('ps', '-eo', 'args')) if (holdsOne(line)) found.push(`process ${line.slice(0, 200)}`)
  for (const path of filesBelow(node, DATA)) {
    if (holdsOne(path) && !(await isFinishedTombstone(node, path))) found.push(`file ${path}`)
  }
  for (const path of filesBelow(node, RUN)) if (holdsOne(path) || isPortOf(path)) found.push(`file ${path}`)
  return found
}

/** Rows of OVN's northbound database that name one of the uids; asked on the node that runs it. */
export async function logicalLeftovers(central: RunningNode, uids: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (const table of [
    'Logical_Switch',
    'Logical_Switch_Port',
    'DHCP_Options',
    'Logical_Router',
    'Logical_Router_Port',
    'Logical_Router_Static_Route',
    'BFD',
    'NAT',
    'Load_Balancer',
    'Port_Group',
    'ACL',
    'Address_Set',
    'DNS',
  ]) {
    const argv = ['ovn-nbctl', '--no-leader-only', '--timeout=5', '--bare', '--columns=external_ids', 'list', table]
    const { stdout } = await execInNode(central, argv, { timeoutMs: 10_000 })
    for (const line of stdout.split('\n')) if (uids.some((uid) => line.includes(uid))) found.push(`${table} ${line}`)
  }
  return found
}

/**
 * The mark that keeps an older document from bringing back what was deleted; it holds names and versions alone. A node says `gone`
 * first and notes it then: a kill in between must still say it.
 */
async function isFinishedTombstone(node: RunningNode, path: string): Promise<boolean> {
  if (!path.startsWith(`${DATA}/documents/`)) return false
  const look = (): 'finished' | 'present' | undefined => {
    if (!existsSync(pathIn(node, path))) return 'finished' // one that was being written has its name now
    const { document, done } = JSON.parse(readFileSync(pathIn(node, path), 'utf8')) as {
      document?: { tombstone?: boolean; spec?: unknown }
      done?: boolean
    }
    if (document?.tombstone !== true || document.spec !== undefined) return 'present'
    return done === true ? 'finished' : undefined
  }
  return (await waitUntilTrue(path, look, 5_000).catch(() => 'present')) === 'finished'
}

/** Paths as the node sees them. */
function filesBelow(node: RunningNode, dir: string): string[] {
  try {
    return readdirSync(pathIn(node, dir), { recursive: true, encoding: 'utf8' }).map((path) => `${dir}/${path}`)
  } catch {
    return []
  }
}
