// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe } from '@jest/globals'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ovsPrograms } from '../../../../lib/ovsdb/test-server.ts'
import { mapOf } from '../../../../lib/ovsdb/values.ts'
import { portDriverContract } from '../../contract-suite.ts'
import { startDummySwitch, type DummySwitch } from '../../testing/dummy-switch.ts'
import { OvsPortDriver } from './ovs-port-driver.ts'
import { obstacles, unplugOperations } from './plug-plan.ts'
import { openSwitchDatabase } from './switch-database.ts'

const soon = () => AbortSignal.timeout(10_000)
let dir: string
let ovs: DummySwitch
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ovs-contract-'))
  ovs = await startDummySwitch(await ovsPrograms(), dir, 'n1')
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
