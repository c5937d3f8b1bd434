// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe } from '@jest/globals'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { byUuid, type Operation } from '../../../lib/ovsdb/operations.ts'
import { ovsPrograms } from '../../../lib/ovsdb/test-server.ts'
import { mapOf, setOf, uuidOf } from '../../../lib/ovsdb/values.ts'
import { networkDriverContract } from '../contract-suite.ts'
import { Northbound } from './northbound.ts'
import { OvnNetworkDriver } from './ovn-network-driver.ts'
import { PLANNERS } from './planners.ts'
import { startNorthbound, type NorthboundServer } from './testing/northbound-server.ts'
import { rowVersions } from './testing/row-versions.ts'

/** All else is a part of these. */
const ROOTS = [
  'Logical_Switch',
  'Logical_Router',
  'DHCP_Options',
  'Port_Group',
  'Address_Set',
  'Load_Balancer',
] as const
const soon = () => AbortSignal.timeout(10_000)

let dir: string
let northbound: NorthboundServer
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ovn-contract-'))
  northbound = await startNorthbound(await ovsPrograms(), dir, 'nb')
}, 180_000)
afterAll(async () => {
  await northbound?.stop()
  await rm(dir, { recursive: true, force: true })
})

/** As the database was made: nothing of ours, and no term. */
async function empty(): Promise<void> {
  await northbound.raw.transact(
    [
      ...ROOTS.map((table): Operation => ({ op: 'delete', table, where: [] })),
      { op: 'update', table: 'NB_Global', where: [], row: { external_ids: mapOf({}) } },
    ],
    soon(),
  )
}

describe('OVN on a real northbound database keeps the contract', () => {
  networkDriverContract(async () => {
    const { raw, remotes } = northbound
    await empty()
    const drivers: OvnNetworkDriver[] = []
    return {
      async open() {
        const driver = new OvnNetworkDriver({ remotes })
        driver.start(new AbortController().signal)
        drivers.push(driver)
        return driver
      },
      versions: () => rowVersions(raw, soon()),
      async lose(kind, uid) {
        await raw.transact([{ op: 'comment', comment: 'sync' }], soon())
        const nb = new Northbound((table) => raw.rows(table), PLANNERS)
        const { uuid } = nb.find(kind, uid)!
        // A port goes when its switch lets it go, a translation when its router does, a limit when its switch does; all else can be deleted.
        const part = setOf([uuidOf(uuid)])
        await raw.transact(
          kind === 'Port' || kind === 'ServicePort'
            ? [{ op: 'mutate', table: 'Logical_Switch', where: [], mutations: [['ports', 'delete', part]] }]
            : kind === 'FloatingIP'
              ? [{ op: 'mutate', table: 'Logical_Router', where: [], mutations: [['nat', 'delete', part]] }]
              : kind === 'QoS'
                ? [{ op: 'mutate', table: 'Logical_Switch', where: [], mutations: [['qos_rules', 'delete', part]] }]
                : nb.all(kind, uid).map((row): Operation => ({
                    op: 'delete',
                    table: PLANNERS[kind].table,
                    where: byUuid(row.uuid),
                  })),
          soon(),
        )
      },
      async [Symbol.asyncDispose]() {
        for (const driver of drivers) await driver.close()
      },
    }
  })
})
