// SPDX-License-Identifier: Apache-2.0
// Runs on a node: `ensure UID PORT`, `remove UID` or `list` of its service ports, with the node's own switch; says the result in JSON.
import { readFile } from 'node:fs/promises'
import { ServicePort } from '../../../lib/contract/service-port.ts'
import type { RunContext } from '../../runtime/reconciler.ts'
import { OvsPortDriver } from '../drivers/ovs/ovs-port-driver.ts'
import { openSwitchDatabase } from '../drivers/ovs/switch-database.ts'
import { ServicePorts } from '../service-ports.ts'

const [node = '', what, uid = '', port = ''] = process.argv.slice(2)
const { signal } = new AbortController()
const database = openSwitchDatabase()
database.start(signal)
await database.ready(AbortSignal.timeout(5000))
const ports = new ServicePorts(new OvsPortDriver(database, node))
const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
const run = async (): Promise<unknown> => {
  if (what === 'ensure') return ports.ensure(uid, ServicePort.parse(JSON.parse(port)), { bootId, signal } as RunContext)
  if (what === 'remove') await ports.remove(uid, signal)
  return ports.list()
}
process.stdout.write(JSON.stringify(await run()))
await database.close()
