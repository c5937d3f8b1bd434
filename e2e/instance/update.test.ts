// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { FLAVOR, INSTANCE } from '../../lib/api/kinds.ts'
import type { Instance } from '../../lib/api/types.ts'
import { Project } from '../harness/project.ts'
import { waitForObject } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('update')
  await project.createNetwork('net', '10.22.0.0/24')
  await project.createVolume('data')
  await project.createInstance('box', {
    networks: [{ networkRef: { name: 'net' } }],
    volumes: [{ volumeRef: { name: 'data' } }],
  })
  await project.waitActive('box')
}, 180_000)
afterAll(() => project.destroy(), 120_000)

const waitForBox = (what: string, test: (i: Instance) => boolean) =>
  waitForObject<Instance>(project.test.client, INSTANCE, project.at('box'), (i) => i !== undefined && test(i), { what })

/** What QEMU gives the guest. */
async function sizeOfDomain() {
  const { status, metadata } = await project.get('box')
  const virsh = async (...args: string[]) =>
    (await project.test.cloud.exec(status?.node ?? '', ['virsh', ...args])).stdout
  const info = await virsh('dominfo', metadata.uid)
  const number = (text: string, name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1])
  return {
    cpus: number(info, 'CPU\\(s\\)'),
    memoryMiB: number(info, 'Max memory') / 1024,
    diskGiB: number(await virsh('domblkinfo', metadata.uid, 'vda'), 'Capacity') / 2 ** 30,
  }
}

const waitForState = (state: string) =>
  waitForObject<Instance>(project.test.client, INSTANCE, project.at('box'), (i) => i?.status?.state === state, {
    what: state,
  })

test.each([
  ['Paused', 'PAUSED'],
  ['Running', 'ACTIVE'],
  ['Suspended', 'SUSPENDED'],
  ['Running', 'ACTIVE'],
])(
  'runState %s gives %s',
  async (runState, state) => {
    await project.waitForMark('box', 'login')
    await project.patch(INSTANCE, 'box', { spec: { runState } })
    await waitForState(state)
  },
  90_000,
)

test('a volume keeps its data, and the machine its address, over a stop and start', async () => {
  const first = await project.waitForMark('box', 'disk')
  expect(first.find((m) => m.what === 'disk')?.rest).toBe('/dev/vdb found []')
  const address = (await project.get('box')).status?.addresses?.[0]?.ipAddress
  // The same stop and start gives it the size of another Flavor.
  const { metadata: larger } = await project.createClusterWide(FLAVOR, 'larger', {
    vcpus: 2,
    memoryMiB: 320,
    rootDiskGiB: 2,
  })
  await project.patch(INSTANCE, 'box', { spec: { flavorRef: { name: larger.name } } })
  await waitForBox('waits for its next start', (i) => i.status?.pendingChanges?.includes('spec.flavorRef') === true)
  expect((await project.get('box')).status).toMatchObject({ state: 'ACTIVE', flavor: { memoryMiB: 256 } })
  await project.patch(INSTANCE, 'box', { spec: { runState: 'Stopped' } })
  await waitForState('SHUTOFF')
  await project.patch(INSTANCE, 'box', { spec: { runState: 'Running' } })
  await waitForState('ACTIVE')
  await waitForBox(
    'has the new size',
    (i) => i.status?.flavor?.name === larger.name && i.status.pendingChanges === undefined,
  )
  expect(await sizeOfDomain()).toEqual({ cpus: 2, memoryMiB: 320, diskGiB: 2 })
  const second = await project.waitForMark('box', 'login', { notBoot: first[0]?.rest ?? '' })
  expect(second.find((m) => m.what === 'disk')?.rest).toBe('/dev/vdb found [disk-box]')
  expect(second.find((m) => m.what === 'net')?.rest).toContain(address)
}, 120_000)
