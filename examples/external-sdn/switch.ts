// SPDX-License-Identifier: Apache-2.0
// The node's Open vSwitch by its own tools, always as argument lists.
import { execFile } from 'node:child_process'
import { tunnelName, type LocalInterface, type Peer } from './plan.ts'

type Cell = string | number | ['set' | 'map', unknown[]]

/** What stands at an interface of ours, beside what plans need. */
export interface MarkedInterface extends LocalInterface {
  said: { programmedBy?: string; refused?: string }
}

function run(program: 'ovs-vsctl' | 'ovs-ofctl', args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, [...args], { timeout: 20_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program} ${args.join(' ')}: ${stderr.trim() || error.message}`))
      else resolve(stdout)
    })
    // A program that ends before it has read all says why by its exit code.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
  })
}

const vsctl = (...args: string[]) => run('ovs-vsctl', ['--timeout=10', ...args])

/** Without a flow nothing passes, and it is of the same datapath as the bridge of the other machines. */
export async function ensureBridge(bridge: string): Promise<void> {
  const datapath = (await vsctl('get', 'bridge', 'br-int', 'datapath_type')).trim()
  const settings = ['set', 'bridge', bridge, `datapath_type=${datapath}`, 'fail_mode=secure']
  await vsctl('--may-exist', 'add-br', bridge, '--', ...settings)
}

/** @returns the numbers of the tunnels, by node; one that the switch has not taken yet is missing */
export async function ensureTunnels(bridge: string, peers: readonly Peer[]): Promise<Map<string, number>> {
  const rows = await find('Interface', ['name', 'ofport', 'options'], 'type=vxlan')
  const numbers = new Map<string, number>()
  for (const { node, address } of peers) {
    const name = tunnelName(node)
    const held = rows.find((row) => row['name'] === name)
    const number = Number(held?.['ofport'])
    if (mapOf(held?.['options'])['remote_ip'] === address && number > 0) numbers.set(node, number)
    if (mapOf(held?.['options'])['remote_ip'] === address) continue
    const settings = ['type=vxlan', 'options:key=flow', `options:remote_ip=${address}`]
    await vsctl('--may-exist', 'add-port', bridge, name, '--', 'set', 'Interface', name, ...settings)
  }
  return numbers
}

/** Interfaces that the agent has plugged for this controller. */
export async function listInterfaces(controller: string): Promise<MarkedInterface[]> {
  const columns = ['name', 'ofport', 'external_ids']
  const rows = await find('Interface', columns, `external_ids:nephele-controller="${controller}"`)
  return rows.flatMap((row) => {
    const ids = mapOf(row['external_ids'])
    const ofport = Number(row['ofport'])
    if (!(ofport > 0)) return []
    const { 'nephele-programmed-by': programmedBy, 'nephele-refused': refused } = ids
    return [
      {
        ...{ name: String(row['name']), ofport },
        ...{ portUid: ids['iface-id'] ?? '', networkUid: ids['nephele-network'] ?? '' },
        said: {
          ...(programmedBy === undefined ? {} : { programmedBy }),
          ...(refused === undefined ? {} : { refused }),
        },
      },
    ]
  })
}

export function replaceFlows(bridge: string, flows: readonly string[]): Promise<string> {
  return run('ovs-ofctl', ['-O', 'OpenFlow15', 'replace-flows', bridge, '-'], `${flows.join('\n')}\n`)
}

/** @param refused undefined: it is programmed */
export async function say(
  { name, said }: MarkedInterface,
  controller: string,
  refused: string | undefined,
): Promise<boolean> {
  const programmedBy = refused === undefined ? controller : undefined
  if (said.programmedBy === programmedBy && said.refused === refused) return false
  const keys = ['nephele-programmed-by', 'nephele-refused']
  const [key, value] = refused === undefined ? [keys[0], controller] : [keys[1], refused]
  const clear = ['remove', 'Interface', name, 'external_ids', ...keys]
  await vsctl(...clear, '--', 'set', 'Interface', name, `external_ids:${key}=${JSON.stringify(value)}`)
  return true
}

async function find(table: string, columns: readonly string[], condition: string): Promise<Record<string, Cell>[]> {
  const out = await vsctl('--format=json', `--columns=${columns.join(',')}`, 'find', table, condition)
  const { headings, data } = JSON.parse(out) as { headings: string[]; data: Cell[][] }
  return data.map((cells) => Object.fromEntries(headings.map((name, i) => [name, cells[i] ?? ''])))
}

function mapOf(cell: Cell | undefined): Record<string, string> {
  return Array.isArray(cell) && cell[0] === 'map' ? Object.fromEntries(cell[1] as [string, string][]) : {}
}
