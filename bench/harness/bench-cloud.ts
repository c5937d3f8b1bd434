// SPDX-License-Identifier: Apache-2.0
// A local cloud of a benchmark's own: up before it, down after it, whatever happens in between.
import { openTestCloud, type TestCloud } from '../../e2e/harness/cloud.ts'
import * as draft from '../../e2e/harness/objects.ts'
import { waitForReady } from '../../e2e/harness/wait.ts'
import { FLAVOR, IMAGE, NAMESPACE, NETWORK, STORAGE_POOL, SUBNET, VOLUME_TYPE } from '../../lib/api/kinds.ts'
import { down } from '../../local/cloud/down.ts'
import { up, type UpOptions } from '../../local/cloud/up.ts'
import { createProgress } from '../../local/host/progress.ts'

export interface BenchCloud extends TestCloud {
  name: string
  /** With everything that a machine names: image `guest`, network `net`, flavors `small` and `tiny`. */
  namespace: string
}

/** @param name of the benchmark */
export async function withCloud<T>(
  name: string,
  options: Partial<Omit<UpOptions, 'name'>>,
  use: (cloud: BenchCloud) => Promise<T>,
): Promise<T> {
  const cloudName = `bench-${name}`
  const quiet = createProgress(() => undefined)
  const end = () => down(cloudName, quiet)
  const interrupted = (): void => void end().then(() => process.exit(130))
  process.once('SIGINT', interrupted)
  process.once('SIGTERM', interrupted)
  try {
    await end() // what an interrupted run left
    await up({ name: cloudName, progress: quiet, ...options })
    const test = openTestCloud(cloudName)
    const cloud = { ...test, name: cloudName, namespace: `bench-${name}` }
    return await use(cloud)
  } finally {
    await end()
    process.off('SIGINT', interrupted)
    process.off('SIGTERM', interrupted)
  }
}

/** What machines need before they can be made; returns when all of it is Ready. */
export async function prepareProject(cloud: BenchCloud, cidr = '10.20.0.0/16'): Promise<void> {
  const { client, namespace, guestImage } = cloud
  const at = (name: string) => ({ namespace, name })
  await client.create(NAMESPACE, { metadata: { name: namespace } })
  await client.create(FLAVOR, draft.flavor('small'))
  await client.create(FLAVOR, draft.flavor('tiny', { memoryMiB: 64 }))
  await client.create(STORAGE_POOL, { metadata: { name: 'files' }, spec: { driver: 'file', file: {} } })
  const type = { storagePoolRef: { name: 'files' }, default: true }
  await client.create(VOLUME_TYPE, { metadata: { name: 'files' }, spec: type })
  await client.create(NETWORK, draft.network(at('net')))
  await client.create(SUBNET, draft.subnet(at('net'), 'net', cidr))
  await client.create(IMAGE, draft.image(at('guest'), guestImage))
  await waitForReady(client, SUBNET, at('net'))
  await waitForReady(client, IMAGE, at('guest'))
}
