// SPDX-License-Identifier: Apache-2.0
// The network role as a process of its own on a node: documents arrive as JSON lines on standard input instead of NATS, reports go to
// standard output. Everything in between is the agent's own code.
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { NodeSpec, PresentDocument, Tombstone } from '../../../lib/contract/documents.ts'
import { createLogger } from '../../../lib/log.ts'
import { AgentMetrics } from '../../metrics/agent-metrics.ts'
import type { RoleContext } from '../../node/role.ts'
import { SealingKey } from '../../node/sealing-key.ts'
import { DocumentStore } from '../../runtime/document-store.ts'
import { NodeRuntime } from '../../runtime/node-runtime.ts'
import type { KindReconciler } from '../../runtime/reconciler.ts'
import { Reporter } from '../../runtime/reporter.ts'
import { createNetworkRole } from '../../roles/network-role.ts'

export type HarnessCommand = { configure: NodeSpec } | { document: PresentDocument | Tombstone } | { inventory: true }

const [node = '', address = '', encapAddress = ''] = process.argv.slice(2)
const say = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
const log = createLogger('harness', 'silent')
const pki = '/etc/pki/nephele'
/** Nothing here is a volume's. */
const absent = (end: string) => ({ keyFile: end, certificateFile: end, authorityFile: end })
const context: RoleContext = {
  node,
  address,
  encapAddress,
  log,
  metrics: new AgentMetrics('test'),
  bootId: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim(),
  stateDir: '/var/lib/nephele',
  runDir: '/run/nephele',
  hostSwitch: {},
  sealing: new SealingKey('/var/lib/nephele', node),
  nbd: { client: absent('client'), server: absent('server') },
  identity: { keyFile: `${pki}/key.pem`, certificateFile: `${pki}/cert.pem`, authorityFile: `${pki}/ca.pem` },
  say: (_, data) => say({ said: JSON.parse(data as string) as unknown }),
  listen: () => undefined,
  inventoryChanged: () => void collect().then((changed) => say({ changed }), () => undefined), // prettier-ignore
}
/** As much as the role knows of the node. */
async function collect(): Promise<object> {
  const parts = (role.inventory ?? []).map((source) => source.collect(AbortSignal.timeout(5000)).catch(() => ({})))
  return Object.assign({}, ...(await Promise.all(parts))) as object
}
const stop = new AbortController()
const store = await DocumentStore.open('/var/lib/nephele/documents', log)
const outbox = {
  connected: true,
  publish: async (_: string, data: string) => say({ observed: JSON.parse(data) as unknown }),
}
const reporter = new Reporter({ outbox, log })
const runtime = new NodeRuntime({ node, bootId: context.bootId, store, reporter, log })
const role = createNetworkRole(context)
/** The metadata service only looks instances up. */
const instances: KindReconciler<'instance'> = {
  kind: 'instance',
  reconcile: () => Promise.resolve({ state: 'running' }),
  remove: () => Promise.resolve({ state: 'gone' }),
  listOwned: () => Promise.resolve([]),
}
for (const reconciler of [...role.reconcilers, instances as unknown as KindReconciler]) await runtime.add(reconciler)
void reporter.run(stop.signal)
runtime.start()
say({ ready: process.pid })
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line) as HarnessCommand
  if ('configure' in command)
    await role.configure?.(command.configure, AbortSignal.timeout(20_000)).then(() => say({ configured: true }))
  else if ('inventory' in command) say({ inventory: await role.inventory?.[0]?.collect(AbortSignal.timeout(5000)) })
  else await runtime.receive({ ...command.document, node }, Buffer.from(JSON.stringify(command.document)))
}
await runtime.stop()
await role.stop?.()
stop.abort()
