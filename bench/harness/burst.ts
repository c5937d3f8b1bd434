// SPDX-License-Identifier: Apache-2.0
// Many machines at once. Fifty emulated guests would measure the emulation: here etcd, apiserver, NATS, operator and the agents'
// runtime are real, the agents' roles and the logical network are fake, and the figures say so.
import * as kinds from '../../lib/api/kinds.ts'
import type { ComputeNode } from '../../lib/api/types.ts'
import { isConditionTrue, type Condition } from '../../lib/conditions.ts'
import type { RequestSample } from '../../lib/kube/http-client.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import { TestCloud, type RunningOperator } from '../../operator/testing/test-cloud.ts'
import { toFigure, type Figure } from './figure.ts'

const NAMESPACE = 'burst'
const MACHINES_A_NODE = 8
const LAST_MS = 180_000
const QUIET_MS = 4000
/** As in a cluster: with a lease that runs out while the machine is busy, a second leadership would be counted too. */
const LEASE_MS = 15_000
const at = (name: string) => ({ namespace: NAMESPACE, name })
const isReady = (object: KubeObject | undefined) =>
  isConditionTrue((object?.status as { conditions?: Condition[] } | undefined)?.conditions, 'Ready')
const isGone = (object: KubeObject | undefined) => object === undefined

export async function countBurst(n: number): Promise<Figure[]> {
  if (n === 0) return []
  const cloud = await TestCloud.start()
  try {
    const operator = await cloud.startOperator((client) => client, LEASE_MS)
    await prepare(cloud, n)
    await machine(cloud, 'warm')
    await cloud.until(kinds.INSTANCE, at('warm'), isReady, LAST_MS)
    const names = Array.from({ length: n }, (_, i) => `burst-${i}`)
    await untilQuiet(operator)

    let before = operator.samples.length
    const startedAt = performance.now()
    await Promise.all(names.map((name) => machine(cloud, name)))
    for (const name of names) await cloud.until(kinds.INSTANCE, at(name), isReady, LAST_MS)
    const seconds = (performance.now() - startedAt) / 1000
    await untilQuiet(operator)
    const created = operator.samples.slice(before)

    before = operator.samples.length
    await Promise.all(names.map((name) => cloud.client.remove(kinds.INSTANCE, at(name))))
    for (const name of names) await cloud.until(kinds.INSTANCE, at(name), isGone, LAST_MS)
    await untilQuiet(operator)
    const deleted = operator.samples.slice(before)

    show(`create of ${n} at once, fake agents`, created)
    show(`delete of ${n} at once, fake agents`, deleted)
    const figure = (metric: string, value: number, most: number) => {
      const target = { text: `≤ ${most}`, pass: value <= most }
      return toFigure({ bench: 'writes', metric: `${metric}, burst on fake agents`, value, unit: 'writes', n, target })
    }
    return [
      figure('writes a create', writes(created).length / n, 5.2),
      figure('writes a delete', writes(deleted).length / n, 5),
      figure('events a create', events(created).length / n, 4),
      toFigure({ bench: 'writes', metric: 'burst on fake agents until all are ACTIVE', value: seconds, unit: 's', n }),
    ]
  } finally {
    await cloud.stop()
  }
}

async function prepare(cloud: TestCloud, n: number): Promise<void> {
  await cloud.create(kinds.NAMESPACE, { metadata: { name: NAMESPACE } })
  await cloud.addNode('image-node', { 'nephele.dev/image': 'true' })
  const nodes = Math.ceil((n + 1) / MACHINES_A_NODE)
  for (let i = 0; i < nodes; i++) await cloud.addNode(`fake-${i}`, { 'nephele.dev/compute': 'fake' })
  for (const name of cloud.nodes.keys()) await cloud.until<ComputeNode>(kinds.COMPUTE_NODE, { name }, isReady, LAST_MS)
  await cloud.create(kinds.FLAVOR, { metadata: { name: 'tiny' }, spec: { vcpus: 1, memoryMiB: 64, rootDiskGiB: 1 } })
  const source = { http: { url: 'http://images.test/guest' } }
  await cloud.create(kinds.IMAGE, { metadata: at('guest'), spec: { source, format: 'qcow2' } })
  await cloud.create(kinds.NETWORK, { metadata: at('net'), spec: {} })
  await cloud.create(kinds.SUBNET, { metadata: at('net'), spec: { networkRef: { name: 'net' }, cidr: '10.9.0.0/24' } })
  await cloud.until(kinds.IMAGE, at('guest'), isReady)
  await cloud.until(kinds.NETWORK, at('net'), isReady)
}

function machine(cloud: TestCloud, name: string) {
  const spec = { flavorRef: { name: 'tiny' }, imageRef: { name: 'guest' }, networks: [{ networkRef: { name: 'net' } }] }
  return cloud.create(kinds.INSTANCE, { metadata: at(name), spec })
}

const WRITE_VERBS = new Set(['create', 'update', 'updateStatus', 'patch', 'apply', 'delete'])
/** One without an answer may have been stored: it counts, so that a disturbed run never looks better than a quiet one. */
const isAccepted = ({ verb, code }: RequestSample) =>
  WRITE_VERBS.has(verb) && (code === 0 || (code >= 200 && code <= 299))
const events = (samples: readonly RequestSample[]) =>
  samples.filter((s) => isAccepted(s) && s.resource.startsWith('events'))
const writes = (samples: readonly RequestSample[]) =>
  samples.filter((s) => isAccepted(s) && !s.resource.startsWith('events') && !s.resource.startsWith('leases'))

async function untilQuiet({ samples }: RunningOperator): Promise<void> {
  let seen = -1
  while (seen !== writes(samples).length) {
    seen = writes(samples).length
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
  }
}

function show(title: string, samples: readonly RequestSample[]): void {
  const counts = new Map<string, number>()
  for (const { verb, resource } of [...writes(samples), ...events(samples)]) {
    const what = `${verb} ${resource}`
    counts.set(what, (counts.get(what) ?? 0) + 1)
  }
  console.log(`\n${title}:`)
  for (const [what, count] of [...counts].sort((a, b) => b[1] - a[1])) console.log(`  ${count} ${what}`)
}
