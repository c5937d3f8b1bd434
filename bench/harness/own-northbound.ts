// SPDX-License-Identifier: Apache-2.0
// The product's driver on an ovsdb-server of the bench's own, with one network: what rows cost without a cloud around them.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OvsdbClient } from '../../lib/ovsdb/client.ts'
import { createDatabase, ovsPrograms, startOvsdbServer } from '../../lib/ovsdb/test-server.ts'
import type { LogicalPort } from '../../operator/network/logical-kinds.ts'
import { OvnNetworkDriver } from '../../operator/network/ovn/ovn-network-driver.ts'

export const owner = { namespace: 'ns', name: 'x', generation: 1 }

/** A northbound database with the row that holds the term, which northd would make. */
export async function startNorthbound(): Promise<{ socket: string; stop(): Promise<void> }> {
  const programs = await ovsPrograms()
  const dir = await mkdtemp(join(tmpdir(), 'northbound-'))
  const file = join(dir, 'nb.db')
  await createDatabase(programs, file, 'usr/share/ovn/ovn-nb.ovsschema')
  const server = await startOvsdbServer(programs, dir, 'nb', [file])
  const { socket } = server
  const remotes = [{ transport: 'unix', path: socket }] as const
  const raw = new OvsdbClient({ database: 'OVN_Northbound', remotes, tables: { NB_Global: { columns: ['name'] } } })
  raw.start(AbortSignal.timeout(20_000))
  await raw.transact([{ op: 'insert', table: 'NB_Global', row: {} }], AbortSignal.timeout(20_000))
  await raw.close()
  return {
    socket,
    stop: async () => {
      await server.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

export async function withDriver<T>(use: (driver: OvnNetworkDriver) => Promise<T>): Promise<T> {
  const server = await startNorthbound()
  const driver = new OvnNetworkDriver({ remotes: [{ transport: 'unix', path: server.socket }], timeoutMs: 15_000 })
  const stop = new AbortController()
  try {
    driver.start(stop.signal)
    await driver.claimTerm(1, 1, stop.signal)
    await driver.ensure({ kind: 'Network', ...owner, uid: 'net', mtu: 1442 }, stop.signal)
    return await use(driver)
  } finally {
    stop.abort()
    await driver.close()
    await server.stop()
  }
}

/** @param n of 24 bits: its MAC address and its address */
export function portOf(uid: string, n: number): LogicalPort {
  const bytes = [16, 8, 0].map((shift) => ((n >> shift) & 255).toString(16).padStart(2, '0'))
  return {
    kind: 'Port',
    ...owner,
    uid,
    networkUid: 'net',
    mac: `fa:16:3e:${bytes.join(':')}`,
    fixedIPs: [{ subnetUid: '', address: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, hasDhcp: false }],
    node: 'n1',
    portSecurityEnabled: true,
    securityGroupUids: ['sg'],
    allowedAddressPairs: [],
    isShared: false,
  }
}
