// SPDX-License-Identifier: Apache-2.0
// Of nodes with ports of machines: every compute node, and nephele.dev/network=gateway.
import { readMap, readString } from '../../lib/ovsdb/values.ts'
import { findByName, openSwitchDatabase, rootRow } from '../network/drivers/ovs/switch-database.ts'
import { missing, ok, warning, type Finding } from './finding.ts'
import type { Host } from './host.ts'

export interface NetworkFacts {
  lacksPrograms: readonly string[]
  processes: ReadonlySet<string>
  /** Undefined: nobody answers. */
  database: { datapath: string | undefined; isDpdk: boolean } | undefined
  hasTun: boolean
  hasKernelDatapath: boolean
  /** Of /etc/openvswitch/system-id.conf. */
  systemId: string | undefined
}

const SOCKET = '/run/openvswitch/db.sock'
const ASK_MS = 5_000
const INTEGRATION_BRIDGE = 'br-int'

export async function readNetwork(host: Host): Promise<NetworkFacts> {
  return {
    lacksPrograms: await host.listMissing(['ovs-vswitchd', 'ovn-controller']),
    processes: await host.listProcesses(),
    database: await askSwitch(host),
    hasTun: (await host.stat('dev/net/tun')) !== undefined,
    hasKernelDatapath: (await host.stat('sys/module/openvswitch')) !== undefined,
    systemId: (await host.read('etc/openvswitch/system-id.conf'))?.trim(),
  }
}

async function askSwitch(host: Host): Promise<NetworkFacts['database']> {
  const client = openSwitchDatabase({ socketPath: host.path(SOCKET), timeoutMs: ASK_MS })
  const signal = AbortSignal.timeout(ASK_MS)
  client.start(signal)
  try {
    await client.ready(signal)
    const row = rootRow(client)?.row
    const bridge = findByName(client, 'Bridge', INTEGRATION_BRIDGE)?.row
    const wanted = readMap(row?.['external_ids'])['ovn-bridge-datapath-type']
    const datapath = bridge ? readString(bridge['datapath_type']) || 'system' : wanted
    return { datapath, isDpdk: row?.['dpdk_initialized'] === true }
  } catch {
    return undefined
  } finally {
    await client.close()
  }
}

/** Pure. @param node its name in Kubernetes, where that is known */
export function judgeNetwork(facts: NetworkFacts, node: string | undefined): Finding[] {
  const { lacksPrograms, processes, database, hasTun, hasKernelDatapath, systemId } = facts
  const runs = (name: string, unit: string): Finding =>
    processes.has(name) ? ok(`${name} runs`) : missing(`${name} does not run`, `systemctl enable --now ${unit}`)
  return [
    lacksPrograms.length > 0
      ? missing(`there is no ${lacksPrograms.join(' and no ')}`, 'apt-get install openvswitch-switch ovn-host')
      : ok('Open vSwitch and OVN are installed'),
    runs('ovs-vswitchd', 'openvswitch-switch'),
    runs('ovn-controller', 'ovn-controller'),
    database
      ? ok(`the switch's database answers; datapath ${database.datapath ?? 'not chosen: the agent decides'}`)
      : missing(`the switch's database does not answer at ${SOCKET}`, 'systemctl enable --now openvswitch-switch'),
    ...(database?.datapath === 'system' && !hasKernelDatapath
      ? [missing('the datapath is the kernel’s, whose module is not loaded', 'modprobe openvswitch')]
      : []),
    hasTun ? ok('/dev/net/tun is there') : missing('there is no /dev/net/tun', 'modprobe tun'),
    systemId === undefined || node === undefined || systemId === node
      ? ok('the switch keeps its name')
      : warning(
          `/etc/openvswitch/system-id.conf says ${JSON.stringify(systemId.slice(0, 64))}`,
          `write ${node} there: after each start of the switch guests have no network until the agent has corrected it`,
        ),
  ]
}
