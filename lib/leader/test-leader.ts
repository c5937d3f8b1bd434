// SPDX-License-Identifier: Apache-2.0
// A process for election.integration.test.ts: stands for election and, while it leads, writes its name and term into a widget's status as
// fast as it can. Prints one JSON line per change. Arguments: kubeconfig, identity.
import { messageOf } from '../errors.ts'
import { HttpKubeClient } from '../kube/http-client.ts'
import { loadKubeConfig } from '../kube/kubeconfig.ts'
import { createLogger } from '../log.ts'
import { Election } from './election.ts'
import { fencedClient } from './fence.ts'
import { WIDGET, type Widget } from '../loop/test-kind.ts'

const [, , kubeconfig, identity = ''] = process.argv
const client = new HttpKubeClient(loadKubeConfig(kubeconfig))
const say = (what: object): void => void process.stdout.write(`${JSON.stringify({ identity, ...what })}\n`)
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())

const election = new Election({
  client,
  lease: { namespace: 'default', name: 'test-leader' },
  identity,
  log: createLogger('leader', 'silent'),
  durationMs: 3000,
})
await election.run(stop.signal, async (fence) => {
  say({ leads: fence.term })
  const fenced = fencedClient(client, fence)
  while (!fence.signal.aborted) {
    try {
      const object = await client.get<Widget>(WIDGET, { namespace: 'default', name: 'contested' })
      const count = (object.status?.size ?? 0) + 1
      await fenced.updateStatus<Widget>(WIDGET, {
        ...object,
        status: { node: identity, state: String(fence.term), size: count },
      })
    } catch (error) {
      say({ error: messageOf(error) })
    }
  }
  say({ lost: fence.term })
})
await client.close()
