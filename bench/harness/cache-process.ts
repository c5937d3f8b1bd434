// SPDX-License-Identifier: Apache-2.0
// A process of its own for one measurement: `operator` (all of it but for bus and logical network, which are in memory), `caches` (the
// operator's informers alone), or `peer` (client-node's ListWatch on the same two kinds). Tells its parent over IPC what it is asked for.
import {
  CustomObjectsApi,
  KubeConfig,
  ListWatch as PeerListWatch,
  Watch,
  type KubernetesListObject,
  type KubernetesObject,
} from '@kubernetes/client-node'
import { INSTANCE, PORT } from '../../lib/api/kinds.ts'
import { HttpKubeClient } from '../../lib/kube/http-client.ts'
import { loadKubeConfig } from '../../lib/kube/kubeconfig.ts'
import { createLogger } from '../../lib/log.ts'
import { LoopMetrics } from '../../lib/loop/metrics.ts'
import { MemoryBus } from '../../operator/bus/memory-bus.ts'
import { candidacy, watchStore } from '../../operator/leadership/candidate.ts'
import { lead } from '../../operator/leadership/leadership.ts'
import { MemoryNetwork } from '../../operator/testing/memory-network.ts'

export interface Report {
  heapMiB: number
  rssMiB: number
  cpuMs: number
  /** Accepted writes so far; Lease, Events and the Cloud's own status excluded. */
  writes: number
}

const log = createLogger('bench', 'silent')
const [mode = '', kubeconfig = ''] = process.argv.slice(2)
const stop = new AbortController()
let writes = 0

function report(): Report {
  for (let i = 0; i < 3; i++) globalThis.gc?.()
  const { user, system } = process.cpuUsage()
  const { heapUsed, rss } = process.memoryUsage()
  return { heapMiB: heapUsed / 2 ** 20, rssMiB: rss / 2 ** 20, cpuMs: (user + system) / 1000, writes }
}

/** Without a collection, so that its cost is not counted as the work's. */
function cpu(): Report {
  const { user, system } = process.cpuUsage()
  return { heapMiB: 0, rssMiB: process.memoryUsage().rss / 2 ** 20, cpuMs: (user + system) / 1000, writes }
}

async function runOperator(isAlone: boolean): Promise<void> {
  const metrics = new LoopMetrics()
  const client = new HttpKubeClient(loadKubeConfig(kubeconfig), {
    onRequest: (sample) => {
      metrics.onRequest(sample)
      const isWrite = ['create', 'update', 'updateStatus', 'patch', 'apply', 'delete'].includes(sample.verb)
      // The Cloud's status says under which term it is led: a write of each start, not of looking at everything again.
      const isCounted = !/^(leases|events|clouds)/.test(sample.resource) && sample.code >= 200 && sample.code <= 299
      if (isWrite && isCounted) writes++
    },
  })
  const { informers, watched, history } = watchStore({ client, log, metrics: metrics.listWatch })
  process.send?.({ before: report() })
  await informers.start(stop.signal)
  process.send?.({ synced: cpu() })
  if (isAlone) return
  const lease = { namespace: 'nephele-system', name: 'nephele-operator' }
  await candidacy(watched, { client, lease, identity: 'bench', log }).run(stop.signal, (fence) =>
    lead(fence, {
      client,
      namespace: lease.namespace,
      informers,
      watched,
      events: { record: () => undefined },
      metrics,
      log,
      history,
      settings: {},
      makeBus: (writer) => new MemoryBus(writer),
      makeNetwork: () => new MemoryNetwork(),
    }),
  )
  process.exit(0)
}

async function runPeer(): Promise<void> {
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  const custom = config.makeApiClient(CustomObjectsApi)
  process.send?.({ before: report() })
  for (const { group, version, plural } of [INSTANCE, PORT]) {
    const list = async () =>
      (await custom.listCustomObjectForAllNamespaces({
        group,
        version,
        resourcePlural: plural,
      })) as KubernetesListObject<KubernetesObject>
    const informer = new PeerListWatch(`/apis/${group}/${version}/${plural}`, new Watch(config), list, false)
    await informer.start()
    kept.push(informer)
  }
  process.send?.({ synced: cpu() })
}
const kept: unknown[] = []

process.on('message', (question) => process.send?.({ answer: question === 'memory' ? report() : cpu() }))
process.on('SIGTERM', () => {
  stop.abort()
  if (mode !== 'operator') process.exit(0)
})
await (mode === 'peer' ? runPeer() : runOperator(mode === 'caches'))
