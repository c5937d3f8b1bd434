// SPDX-License-Identifier: Apache-2.0
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Inventory } from '../../../../lib/contract/documents.ts'
import { unlessMissing } from '../../../../lib/durable-files.ts'
import type { OvsdbClient } from '../../../../lib/ovsdb/client.ts'
import { connectRemote } from '../../../../lib/ovsdb/remote.ts'
import { JsonRpcPeer } from '../../../../lib/ovsdb/rpc.ts'
import { readMap, readOne, readSet, readString, type OvsRow } from '../../../../lib/ovsdb/values.ts'
import { chooseDatapath } from './datapath.ts'
import { parsePmdMask } from './pmd-cpus.ts'
import { rootRow } from './switch-database.ts'

const PID_FILE = 'ovs-vswitchd.pid'

/** What the switch reports about itself. @throws while it or its database does not answer */
export async function readSwitchInventory(
  database: OvsdbClient,
  runDir: string,
  signal: AbortSignal,
): Promise<Partial<Pick<Inventory, 'ovs' | 'dpdk'>>> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(5000)])
  await database.ready(deadline)
  const dpdk = readDpdk(rootRow(database)?.row)
  // The database's `ovs_version` is written by the start script, where there is one, not by the switch.
  const version = parseVersion(await askSwitch(runDir, 'version', deadline))
  return {
    ...(version ? { ovs: { version, datapath: chooseDatapath(database) } } : {}),
    dpdk,
  }
}

/** The type of a vhost-user port that QEMU listens for; listed in `iface_types` once DPDK is initialized. */
const VHOST_USER_TYPE = 'dpdkvhostuserclient'

/** Pure: from the row of Open_vSwitch, ovs-vswitchd.conf.db(5). */
export function readDpdk(row: OvsRow | undefined): NonNullable<Inventory['dpdk']> {
  if (readOne(row?.['dpdk_initialized']) !== true) return { initialized: false }
  const version = readString(row?.['dpdk_version'])
  const vhostUser = readSet(row?.['iface_types']).includes(VHOST_USER_TYPE)
  const pmdCpus = parsePmdMask(readMap(row?.['other_config'])['pmd-cpu-mask'])
  return { initialized: true, ...(version ? { version } : {}), vhostUser, ...(pmdCpus ? { pmdCpus } : {}) }
}

/** `ovs-vswitchd (Open vSwitch) 3.5.0` */
export function parseVersion(text: string): string | undefined {
  return /\(Open vSwitch\) (\S+)/.exec(text)?.[1]
}

/** A value that differs for each start of the switch; undefined while it does not run. */
export async function switchInstance(runDir: string): Promise<string | undefined> {
  const file = join(runDir, PID_FILE)
  // The pid alone may be reused.
  const read = async () => `${(await readFile(file, 'utf8')).trim()}/${Math.round((await stat(file)).mtimeMs)}`
  return unlessMissing(read, undefined)
}

/**
 * Calls a method on the switch's control socket, which speaks JSON-RPC as the database does: what ovs-appctl(8) does, without starting it.
 */
async function askSwitch(runDir: string, method: string, signal: AbortSignal): Promise<string> {
  const pid = (await readFile(join(runDir, PID_FILE), 'utf8')).trim()
  if (!/^\d+$/.test(pid)) throw new Error('ovs-vswitchd.pid does not contain a pid')
  const path = join(runDir, `ovs-vswitchd.${pid}.ctl`)
  const stream = await connectRemote({ transport: 'unix', path }, undefined, signal)
  const ignore = (): void => undefined
  const peer = new JsonRpcPeer(stream, { onNotification: ignore, onClose: ignore, probeIntervalMs: 60_000 })
  try {
    return String(await peer.request(method, [], signal))
  } finally {
    peer.close('asked')
  }
}
