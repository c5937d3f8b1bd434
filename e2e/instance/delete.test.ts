// SPDX-License-Identifier: Apache-2.0
// A machine with a port and a volume, deleted at each stage of its build: nothing of it is left anywhere, the volume stays.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE, IP_CLAIM, PORT, VOLUME } from '../../lib/api/kinds.ts'
import type { Instance, Volume } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import { existsSync } from 'node:fs'
import { pathIn } from '../../local/node/node.ts'
import { Project } from '../harness/project.ts'
import { waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

let project: Project
let shared: string[]
beforeAll(async () => {
  project = await Project.create('delete')
  await project.createNetwork('net', '10.60.0.0/24')
  await project.createVolume('data')
  await waitForReady<Volume>(project.test.client, VOLUME, project.at('data'))
  shared = [...project.uids]
}, 120_000)
afterAll(() => project.destroy(), 120_000)

const until = (is: (i: Instance) => boolean, what: string) =>
  waitForObject<Instance>(project.test.client, INSTANCE, project.at('box'), (i) => i !== undefined && is(i), { what })

const placed = () => until((i) => i.status?.node !== undefined, 'placed')

/** The node's own files and daemons tell sooner than any report how far it is. */
const onNode = async (what: string, is: (node: string, uid: string) => Promise<boolean> | boolean) => {
  const { status, metadata } = (await placed()) as Instance
  await waitUntilTrue(what, async () => (await is(status?.node ?? '', metadata.uid)) || undefined)
}

const stages: [string, () => Promise<unknown>][] = [
  ['at once', async () => undefined],
  ['with its finalizer', () => until((i) => (i.metadata.finalizers ?? []).length > 0, 'a finalizer')],
  ['when it has a node', placed],
  [
    'when its disk is there',
    () =>
      onNode('a disk', (node, uid) =>
        existsSync(pathIn(project.test.cloud.node(node), `/var/lib/nephele/instances/${uid}`)),
      ),
  ],
  [
    'when its domain runs',
    () =>
      onNode('a domain', async (node, uid) =>
        (await project.test.cloud.exec(node, ['virsh', 'list', '--all', '--uuid'])).stdout.includes(uid),
      ),
  ],
  ['when it is ACTIVE', () => until((i) => findCondition(i.status?.conditions, 'Ready')?.status === 'True', 'Ready')],
]

test.each(stages)(
  'deleted %s, it leaves nothing',
  async (_, reached) => {
    const { client } = project.test
    await project.createInstance('box', {
      networks: [{ networkRef: { name: 'net' } }],
      volumes: [{ volumeRef: { name: 'data' } }],
    })
    await reached()
    await project.rememberPorts()
    await project.remove(INSTANCE, 'box', 90_000)
    const own = project.uids.filter((uid) => !shared.includes(uid))
    const left = await project.findLeftovers()
    expect(
      left.filter((line) => own.some((uid) => line.includes(uid) || line.includes(`tap${uid.slice(0, 11)}`))),
    ).toEqual([])
    expect(await client.list(PORT, { namespace: project.namespace })).toEqual([])
    await waitUntilTrue('claims to be collected', async () => {
      const claims = await client.list(IP_CLAIM, { namespace: project.namespace })
      return claims.length === 0 || undefined
    })
    await waitForObject<Volume>(client, VOLUME, project.at('data'), (v) => v?.status?.state === 'available', {
      what: 'available',
    })
  },
  150_000,
)
