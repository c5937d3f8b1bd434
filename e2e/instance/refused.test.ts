// SPDX-License-Identifier: Apache-2.0
// What cannot work is said at once, or on the status with the field; nothing boots here.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { FLAVOR, IMAGE, INSTANCE, NETWORK, SECRET, USER_DATA_LABEL } from '../../lib/api/kinds.ts'
import type { Instance, Secret } from '../../lib/api/types.ts'
import * as draft from '../harness/objects.ts'
import { ON_NET, Project } from '../harness/project.ts'
import { waitForCondition } from '../harness/wait.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('inst-refused', { net: '10.25.0.0/24' })
}, 60_000)
afterAll(() => project.destroy(), 60_000)

const net = { networkRef: { name: 'net' } }
/** Off, so that nothing boots: it is looked at all the same. */
const createOff = (name: string, spec: object = {}) => project.createInstance(name, { runState: 'Stopped', ...spec })
const stalled = (name: string, reason: string) =>
  waitForCondition(project.test.client, INSTANCE, project.at(name), { type: 'Stalled', reason })
const waits = (name: string, reason: string) =>
  waitForCondition(project.test.client, INSTANCE, project.at(name), { type: 'Reconciling', reason })

test.each([
  ['user data in line above 16 KiB', { userData: 'x'.repeat(16_385) }, /userData|Secret/],
  ['user data that only its bytes make too long', { userData: 'ü'.repeat(8_193) }, /put it into a Secret/],
  ['user data twice', { userData: 'a', userDataSecretRef: { name: 'b' } }, /one of userData and userDataSecretRef/],
  ['an interface that is none', { networks: [{}] }, /one of networkRef .* and portRef/],
  [
    'an address beside a Port',
    { networks: [{ portRef: { name: 'p' }, ipAddress: '10.25.0.9' }] },
    /belong to networkRef/,
  ],
  ['a Port twice', { networks: [{ portRef: { name: 'p' } }, { portRef: { name: 'p' } }] }, /each portRef once only/],
  [
    'a Volume twice',
    { volumes: [{ volumeRef: { name: 'v' } }, { volumeRef: { name: 'v' } }] },
    /each Volume once only/,
  ],
  ['a hostname that is none', { hostname: 'Web_1' }, /DNS label/],
  ['an address that is none', { networks: [{ ...net, ipAddress: '10.25.0.256' }] }, /canonical form/],
  ['a multicast MAC', { networks: [{ ...net, macAddress: '01:00:5e:00:00:01' }] }, /unicast MAC/],
  ['a run state that does not exist', { runState: 'Rebooting' }, /runState/],
])('%s is refused at once', async (_, spec, message) => {
  await expect(createOff('bad', spec)).rejects.toThrow(message)
})

test.each([
  ['imageRef', { imageRef: { name: 'other' } }],
  ['keyPairRef', { keyPairRef: { name: 'me' } }],
  ['userData', { userData: '#!/bin/sh' }],
  ['availabilityZone', { availabilityZone: 'zone-b' }],
  ['configDrive', { configDrive: true }],
])('%s cannot change', async (field, spec) => {
  const { client } = project.test
  if (!(await client.find<Instance>(INSTANCE, project.at('fixed')))) await createOff('fixed')
  await expect(project.patch(INSTANCE, 'fixed', { spec })).rejects.toThrow(new RegExp(`${field} cannot change`))
})

test('a Secret of a namespace that lets none be read waits for a role; one without user data is waited for; one with more than 64 KiB is refused until it has less', async () => {
  const { client } = project.test
  const ref = { userDataSecretRef: { name: 'script' } }
  await createOff('barred', ref)
  const message = await waits('barred', 'SecretNotPermitted')
  const command = /run kubectl (create rolebinding .*?), which/.exec(message)?.[1]?.split(' ') ?? []
  await project.test.cloud.kubectl(command)
  await createOff('scripted', ref)
  expect(await waits('scripted', 'SecretNotFound')).toMatch(/script in spec\.userDataSecretRef does not exist/)
  const data = { userData: Buffer.alloc(64 * 1024 + 1, '#').toString('base64') }
  const large = await client.create<Secret>(SECRET, { metadata: project.at('large'), data })
  await createOff('loud', { userDataSecretRef: { name: 'large' } })
  expect(await waits('loud', 'SecretNotUserData')).toMatch(/not marked as user data.* nephele\.dev\/user-data=true/)
  // Named anew, it is looked at at once.
  await client.mergePatch(SECRET, large.metadata, { metadata: { labels: { [USER_DATA_LABEL]: 'true' } } })
  await project.remove(INSTANCE, 'loud')
  await createOff('loud', { userDataSecretRef: { name: 'large' } })
  expect(await waits('loud', 'UserDataTooLarge')).toMatch(
    /Secret large in spec\.userDataSecretRef has 65537 bytes, at most 65536/,
  )
}, 60_000)

test('a flavor that the image does not fit into is refused for good, and says what is needed', async () => {
  const tiny = await project.createClusterWide(FLAVOR, 'tiny', { vcpus: 1, memoryMiB: 64, rootDiskGiB: 1 })
  await project.create(
    IMAGE,
    draft.image(project.at('large'), project.test.guestImage, { minMemoryMiB: 128, minDiskGiB: 3 }),
  )
  await createOff('squeezed', { imageRef: { name: 'large' }, flavorRef: { name: tiny.metadata.name } })
  expect(await stalled('squeezed', 'FlavorTooSmall')).toMatch(/has 64 MiB of memory, the image needs 128/)
  await createOff('flat', { imageRef: { name: 'large' } })
  expect(await stalled('flat', 'FlavorTooSmall')).toMatch(/root disk of 1 GiB, the image needs 3/)
  // A larger one in the spec is all that it takes.
  const fits = await project.createClusterWide(
    FLAVOR,
    'fits',
    draft.flavor('', { memoryMiB: 128, rootDiskGiB: 3 }).spec as object,
  )
  await project.patch(INSTANCE, 'flat', { spec: { flavorRef: { name: fits.metadata.name } } })
  await project.waitActive('flat')
})

test('no node fits: each filter says how many it refused, and the nearest miss', async () => {
  const vast = await project.createClusterWide(FLAVOR, 'vast', { vcpus: 500, memoryMiB: 262_144, rootDiskGiB: 1 })
  await createOff('vast', { flavorRef: { name: vast.metadata.name }, availabilityZone: 'zone-a' })
  const none = { type: 'Scheduled', status: 'False', reason: 'NoValidHost' }
  const message = await waitForCondition(project.test.client, INSTANCE, project.at('vast'), none)
  expect(message).toMatch(/^all 3 nodes were refused: /)
  expect(message).toMatch(/ComputeFilter 1 \(network-1/)
  expect(message).toMatch(/AvailabilityZoneFilter 1 \(compute-2 is in zone zone-b\)/)
  expect(message).toMatch(
    /RamFilter 1 \(compute-1 has \d+ of \d+ MiB of memory free, 26\d{4} wanted with QEMU's own; spec\.reserved keeps 1024 for the host\)/,
  )
  const { filters = [] } = (await project.get('vast')).status?.scheduling ?? {}
  expect(filters.map((f) => [f.name, f.refused]).sort()).toEqual([
    ['AvailabilityZoneFilter', 1],
    ['ComputeFilter', 1],
    ['RamFilter', 1],
  ])
})

test.each([
  ['an address outside of the subnet', { ipAddress: '10.26.0.9' }, /ipAddress.*10\.26\.0\.9/],
  ['the broadcast address', { ipAddress: '10.25.0.255' }, /ipAddress.*10\.25\.0\.255/],
  ['a subnet that is not of the network', { subnetRef: { name: 'none' } }, /Subnet none/],
])('%s is said on the status, with the field', async (_, nic, message) => {
  const name = 'misplaced'
  await createOff(name, { networks: [{ ...net, ...nic }] })
  await waitForCondition(project.test.client, INSTANCE, project.at(name), { type: 'Ready', status: 'False', message })
  await project.remove(INSTANCE, name)
})

test('a network that is being deleted takes no machine', async () => {
  const { client } = project.test
  await project.createNetwork('leaving', '10.27.0.0/24')
  await client.remove(NETWORK, project.at('leaving'))
  await waitForCondition(client, NETWORK, project.at('leaving'), { type: 'Reconciling', reason: 'InUse' })
  await createOff('late', { networks: [{ networkRef: { name: 'leaving' } }] })
  expect(await waits('late', 'NetworkDeleting')).toMatch(/leaving.*accepts no new users/)
  // Others of the project are not held up.
  await createOff('fine', ON_NET)
  await project.waitActive('fine')
}, 60_000)
