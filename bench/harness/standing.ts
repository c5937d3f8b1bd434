// SPDX-License-Identifier: Apache-2.0
// Projects with all that machines name, and machines in them that the fake agents run.
import { setTimeout as sleep } from 'node:timers/promises'
import { FLAVOR, IMAGE, INSTANCE, NAMESPACE, NETWORK, SUBNET } from '../../lib/api/kinds.ts'
import type { Instance } from '../../lib/api/types.ts'
import { waitForReady } from '../../e2e/harness/wait.ts'
import * as draft from '../../e2e/harness/objects.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { FAKE_DIGEST } from './fake-agent.ts'
import { someAtOnce } from '../../lib/some-at-once.ts'
import { Placed } from './rounds.ts'

export const PROJECTS = 7
const AT_ONCE = 32
const SOURCE = { url: 'http://images.test/guest', sha256: FAKE_DIGEST }
const FLAVORS = { small: { vcpus: 1, memoryMiB: 1024, rootDiskGiB: 10 } }

/** The i-th machine, in one of the projects. */
export const machineAt = (i: number) => ({ namespace: `project-${i % PROJECTS}`, name: `machine-${i}` })

/** Ready when it resolves. */
export async function makeProjects(client: KubeClient, { hasNetwork }: { hasNetwork: boolean }): Promise<void> {
  for (const [name, spec] of Object.entries(FLAVORS)) await client.create(FLAVOR, { metadata: { name }, spec })
  for (let i = 0; i < PROJECTS; i++) {
    const { namespace } = machineAt(i)
    await client.create(NAMESPACE, { metadata: { name: namespace } })
    await client.create(IMAGE, draft.image({ namespace, name: 'guest' }, SOURCE))
    if (!hasNetwork) continue
    await client.create(NETWORK, draft.network({ namespace, name: 'net' }))
    await client.create(SUBNET, draft.subnet({ namespace, name: 'net' }, 'net', `10.${i}.0.0/16`))
  }
  for (let i = 0; i < PROJECTS; i++) {
    const { namespace } = machineAt(i)
    await waitForReady(client, IMAGE, { namespace, name: 'guest' })
    if (hasNetwork) await waitForReady(client, SUBNET, { namespace, name: 'net' })
  }
}

export function createMachine(client: KubeClient, i: number, spec: object = {}): Promise<Instance> {
  return client.create<Instance>(INSTANCE, draft.instance(machineAt(i), spec) as never)
}

/** Makes these machines, some at once; they may not be ACTIVE yet. */
export async function createMachines(
  client: KubeClient,
  numbers: Iterable<number>,
  specOf: (i: number) => object,
): Promise<void> {
  await someAtOnce(numbers, AT_ONCE, (i) => createMachine(client, i, specOf(i)))
}

/** Resolves when as many are ACTIVE; says every half minute how many there are. */
export async function waitForActive(client: KubeClient, count: number): Promise<void> {
  const active = Placed.watch(client, INSTANCE, 'status.state=ACTIVE')
  try {
    for (let waited = 1; active.count < count; waited++) {
      await sleep(1000)
      if (waited % 30 === 0) console.log(`${active.count} of ${count} are ACTIVE`)
    }
  } finally {
    active.close()
  }
}
