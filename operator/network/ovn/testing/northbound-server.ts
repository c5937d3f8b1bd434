// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { OvsdbClient } from '../../../../lib/ovsdb/client.ts'
import type { Remote } from '../../../../lib/ovsdb/remote.ts'
import {
  createDatabase,
  startOvsdbServer,
  type OvsPrograms,
  type TestServer,
} from '../../../../lib/ovsdb/test-server.ts'
import { WHOLE_TABLES } from './whole-tables.ts'

export const NORTHBOUND_SCHEMA = 'usr/share/ovn/ovn-nb.ovsschema'

export interface NorthboundServer {
  server: TestServer
  remotes: Remote[]
  /** Another hand. */
  raw: OvsdbClient
  stop(): Promise<void>
}

/** A northbound database of its own as northd leaves it at its first start, empty. For tests. */
export async function startNorthbound(programs: OvsPrograms, dir: string, name: string): Promise<NorthboundServer> {
  const file = join(dir, `${name}.db`)
  await createDatabase(programs, file, NORTHBOUND_SCHEMA)
  const server = await startOvsdbServer(programs, dir, name, [file])
  const remotes: Remote[] = [{ transport: 'unix', path: server.socket }]
  const raw = new OvsdbClient({ database: 'OVN_Northbound', remotes, tables: WHOLE_TABLES })
  raw.start(new AbortController().signal)
  await raw.transact([{ op: 'insert', table: 'NB_Global', row: {} }], AbortSignal.timeout(10_000))
  const stop = async () => {
    await raw.close()
    await server.stop()
  }
  return { server, remotes, raw, stop }
}
