// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { JsonRpcPeer } from '../../../lib/ovsdb/rpc.ts'

/**
 * Whether ovn-controller writes lines of its module acl_log into its file, by its control socket (ovn-controller(8), vlog/set). It forgets
 * that when it is started again.
 * @throws when it does not run, or does not answer
 */
export async function setPacketLog(runDir: string, isOn: boolean, signal: AbortSignal): Promise<void> {
  const pid = (await readFile(join(runDir, 'ovn-controller.pid'), 'utf8')).trim()
  const socket = connect(join(runDir, `ovn-controller.${pid}.ctl`))
  await once(socket, 'connect', { signal })
  const peer = new JsonRpcPeer(socket, {
    onNotification: () => undefined,
    onClose: () => undefined,
    probeIntervalMs: 60_000,
  })
  try {
    await peer.request('vlog/set', [`acl_log:file:${isOn ? 'info' : 'off'}`], signal)
  } finally {
    peer.close('done')
  }
}
