// SPDX-License-Identifier: Apache-2.0
// A FloatingIP, by fifty pings a second: from the request that connects it to the first answer that a host outside gets.
import * as draft from '../e2e/harness/objects.ts'
import { PUBLIC } from '../e2e/harness/public.ts'
import { waitForObject, waitForReady } from '../e2e/harness/wait.ts'
import { FLOATING_IP, ROUTER } from '../lib/api/kinds.ts'
import type { FloatingIP } from '../lib/api/types.ts'
import { prepareProject, withCloud, type BenchCloud } from './harness/bench-cloud.ts'
import { findOption } from './harness/arguments.ts'
import type { Figure } from './harness/figure.ts'
import { figuresOf, openHosts, untilAnswer, type Hosts } from './harness/outside.ts'

export const about = 'a FloatingIP, from the request to the first packet that is answered'

const MOST_MS = 300

/** @param args --n N (20): turns; --others N (0): floating IPs that lead elsewhere meanwhile */
export async function run(args: readonly string[]): Promise<Figure[]> {
  const [n, others] = [findOption(args, 'n', 20), findOption(args, 'others', 0)]
  return withCloud('floating-ip', {}, async (cloud) => {
    await prepareProject(cloud)
    await using hosts = await openHosts(cloud)
    const at = (name: string) => ({ namespace: cloud.namespace, name })
    const spec = { interfaces: [{ subnetRef: { name: 'net' } }], externalGateway: PUBLIC }
    await untilAnswer(hosts.inner(hosts.outside), () => cloud.client.create(ROUTER, draft.router(at('r'), spec)))
    for (let i = 0; i < others; i++) await cloud.client.create(FLOATING_IP, draft.floatingIP(at(`o-${i}`), PUBLIC))
    const samples = await turns(cloud, hosts, n)
    return figuresOf('floating-ip', `FloatingIP, beside ${others} others, until a packet is answered`, samples, MOST_MS)
  })
}

async function turns({ client, namespace }: BenchCloud, { port, outer }: Hosts, n: number): Promise<number[]> {
  const at = { namespace, name: 'web' }
  await client.create(FLOATING_IP, draft.floatingIP(at, PUBLIC))
  const { status } = await waitForReady<FloatingIP>(client, FLOATING_IP, at)
  const address = status?.ipAddress ?? ''
  const lead = (portRef: { name: string } | null) => client.mergePatch(FLOATING_IP, at, { spec: { portRef } })
  const samples: number[] = []
  for (let i = 0; i < n; i++) {
    samples.push(await untilAnswer(outer(address), () => lead({ name: port })))
    await lead(null)
    const isDown = (one: FloatingIP | undefined) =>
      one?.status?.state === 'DOWN' && one.status.observedGeneration === one.metadata.generation
    await waitForObject<FloatingIP>(client, FLOATING_IP, at, isDown, { what: 'DOWN', timeoutMs: 10_000 })
  }
  return samples
}
