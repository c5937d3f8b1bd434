// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger } from '../../../../lib/log.ts'
import { ovsPrograms } from '../../../../lib/ovsdb/test-server.ts'
import { mapOf, readMap, readNumber, setOf, uuidOf } from '../../../../lib/ovsdb/values.ts'
import { until } from '../../../../lib/time/until.ts'
import { portDriverContract } from '../../contract-suite.ts'
import { startDummySwitch, type DummySwitch } from '../../testing/dummy-switch.ts'
import { OvsPortDriver } from './ovs-port-driver.ts'
import { listRows, nameOf, ownBridgeName, portsOf } from './physical-bridges-plan.ts'
import { PhysicalNetworks } from './physical-networks.ts'
import { obstacles, unplugOperations } from './plug-plan.ts'
import { findByName, openSwitchDatabase, rootRow } from './switch-database.ts'

const soon = () => AbortSignal.timeout(10_000)
let dir: string
let ovs: DummySwitch
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ovs-contract-'))
  ovs = await startDummySwitch(await ovsPrograms(), dir, 'n1')
  await ovs.addBridge('br-sdn')
}, 180_000)
afterAll(async () => {
  await ovs?.stop()
  await rm(dir, { recursive: true, force: true })
})

describe('Open vSwitch keeps the contract', () => {
  portDriverContract(async () => {
    const { raw, socketPath } = ovs
    const database = openSwitchDatabase({ socketPath })
    database.start(new AbortController().signal)
    await database.ready(soon())
    const driver = new OvsPortDriver(database, 'n1')
    return {
      driver,
      // As ovn-controller does.
      async install({ device }) {
        const mutations = [['external_ids', 'insert', mapOf({ 'ovn-installed': 'true' })]] as const
        await raw.transact([{ op: 'mutate', table: 'Interface', where: [['name', '==', device]], mutations }], soon())
      },
      async speak({ device }, { programmedBy, refused }) {
        const words = { 'nephele-programmed-by': programmedBy, 'nephele-refused': refused }
        const mutations = [
          ['external_ids', 'delete', setOf(Object.keys(words))],
          ['external_ids', 'insert', mapOf(words)],
        ] as const
        await raw.transact([{ op: 'mutate', table: 'Interface', where: [['name', '==', device]], mutations }], soon())
      },
      async lose({ kind, uid }) {
        await raw.transact([{ op: 'comment', comment: 'sync' }], soon())
        await raw.transact(unplugOperations(raw, obstacles(raw, kind, uid)), soon())
      },
      // It has no DPDK.
      unusable: (port) => port,
      async [Symbol.asyncDispose]() {
        for (const { kind, uid } of driver.list()) await driver.unplug(kind, uid, soon())
        await database.close()
      },
    }
  })
})

describe('physical networks', () => {
  const [a, b] = [ownBridgeName('a'), ownBridgeName('b')]
  const bridges = () =>
    Object.fromEntries(
      listRows(ovs.raw, 'Bridge').map((row) => [nameOf(row), portsOf(ovs.raw, row).map(nameOf).sort()]),
    )
  const mappings = () => readMap(rootRow(ovs.raw)?.row['external_ids'])['ovn-bridge-mappings']

  test('bridges and mappings are made, changed, healed and removed in a switch that runs', async () => {
    await using stack = new AsyncDisposableStack()
    const database = openSwitchDatabase({ socketPath: ovs.socketPath })
    stack.defer(() => database.close())
    const free = { ifindex: 1, addresses: [] }
    const physical = new PhysicalNetworks({
      ...{ database, node: 'n1', addresses: [], log: createLogger('test', 'silent'), onReport: () => undefined },
      host: {
        readInterfaces: () => Promise.resolve(new Map([['x1', free], ['x2', free]])), // prettier-ignore
        bringUp: () => Promise.resolve(),
        silence: () => Promise.resolve(),
        unsilence: () => Promise.resolve(),
      },
    })
    stack.defer(() => physical.stop())
    database.start(new AbortController().signal)
    await database.ready(soon())
    const taken = (device: string) => readNumber(findByName(ovs.raw, 'Interface', device)?.row['ofport']) ?? 0
    const before = bridges()
    const both = [
      { name: 'b', interface: 'x2' },
      { name: 'a', interface: 'x1' },
    ]

    await physical.want(both)
    const made = { ...before, [a]: [a, 'x1'].sort(), [b]: [b, 'x2'].sort() }
    await until(() => taken('x1') > 0 && taken('x2') > 0, 'the switch to take them', 10_000)
    expect([bridges(), mappings()]).toEqual([made, `a:${a},b:${b}`])

    const gone = findByName(ovs.raw, 'Bridge', a)!
    const mutations = [['bridges', 'delete', setOf([uuidOf(gone.uuid)])]] as const
    await ovs.raw.transact([{ op: 'mutate', table: 'Open_vSwitch', where: [], mutations }], soon())
    const isAgain = () => findByName(ovs.raw, 'Bridge', a) && findByName(ovs.raw, 'Bridge', a)?.uuid !== gone.uuid
    await until(() => isAgain() && taken('x1') > 0, 'a bridge that somebody deleted', 10_000)
    expect([bridges(), mappings()]).toEqual([made, `a:${a},b:${b}`])

    await physical.want(both.map((n) => ({ ...n, interface: n.name === 'a' ? 'x2' : 'x1' })))
    await until(() => bridges()[a]?.includes('x2'), 'the exchange', 10_000)
    expect(bridges()).toEqual({ ...before, [a]: [a, 'x2'].sort(), [b]: [b, 'x1'].sort() })

    await physical.want([])
    await until(() => mappings() === undefined, 'the removal', 10_000)
    expect(bridges()).toEqual(before)
  }, 60_000)
})
