// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { OvsdbClient } from '../../../lib/ovsdb/client.ts'
import type { Operation } from '../../../lib/ovsdb/operations.ts'
import { createDatabase, startOvsdbServer, type OvsPrograms } from '../../../lib/ovsdb/test-server.ts'
import { mapOf, namedUuid, setOf } from '../../../lib/ovsdb/values.ts'
import { INTEGRATION_BRIDGE } from '../drivers/ovs/plug-plan.ts'
import { openSwitchDatabase } from '../drivers/ovs/switch-database.ts'

const PROGRAM = 'usr/lib/openvswitch-switch/ovs-vswitchd'
const SCHEMA = 'usr/share/openvswitch/vswitch.ovsschema'

export interface DummySwitch {
  socketPath: string
  /** Another hand. */
  raw: OvsdbClient
  addBridge(name: string): Promise<void>
  stop(): Promise<void>
}

/**
 * A real ovs-vswitchd whose devices are all of its own making: it needs no right on the host and touches none of its interfaces. What
 * takes DPDK it cannot open. For tests.
 */
export async function startDummySwitch(programs: OvsPrograms, dir: string, chassis: string): Promise<DummySwitch> {
  const file = join(dir, 'switch.db')
  await createDatabase(programs, file, SCHEMA)
  const server = await startOvsdbServer(programs, dir, 'switch', [file])
  const raw = openSwitchDatabase({ socketPath: server.socket })
  raw.start(new AbortController().signal)
  const deadline = AbortSignal.timeout(20_000)
  await raw.transact(
    [
      ...bridgeRows(INTEGRATION_BRIDGE),
      {
        ...{ op: 'insert', table: 'Open_vSwitch' },
        row: { bridges: setOf([namedUuid('bridge')]), external_ids: mapOf({ 'system-id': chassis }), next_cfg: 1 },
      },
    ],
    deadline,
  )
  const [program, ...args] = programs.argv(
    PROGRAM,
    `unix:${server.socket}`,
    '--enable-dummy=override',
    `--unixctl=${join(dir, 'vswitchd.ctl')}`,
    '-vconsole:off',
  )
  const child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, OVS_RUNDIR: dir } })
  await raw.waitUntil(() => [...raw.rows('Open_vSwitch').values()].find((row) => row['cur_cfg'] === 1), deadline)
  const stop = async () => {
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
    await raw.close()
    await server.stop()
  }
  const addBridge = async (name: string) => {
    await raw.transact(
      [
        ...bridgeRows(name),
        {
          ...{ op: 'mutate', table: 'Open_vSwitch', where: [] },
          mutations: [['bridges', 'insert', setOf([namedUuid('bridge')])]],
        },
      ],
      AbortSignal.timeout(20_000),
    )
  }
  return { socketPath: server.socket, raw, addBridge, stop }
}

function bridgeRows(name: string): Operation[] {
  return [
    { op: 'insert', table: 'Interface', 'uuid-name': 'iface', row: { name, type: 'internal' } },
    { op: 'insert', table: 'Port', 'uuid-name': 'port', row: { name, interfaces: namedUuid('iface') } },
    {
      ...{ op: 'insert', table: 'Bridge', 'uuid-name': 'bridge' },
      row: { name, datapath_type: 'dummy', fail_mode: 'secure', ports: namedUuid('port') },
    },
  ]
}
