// SPDX-License-Identifier: Apache-2.0
// A machine with a CPU of its own, from what an administrator gives away to the process that runs on it; the next waits for the CPU and gets it. What the
// scheduler believes and the node does not have is refused there.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { COMPUTE_NODE, FLAVOR, INSTANCE } from '../../lib/api/kinds.ts'
import type { ComputeNode, Instance } from '../../lib/api/types.ts'
import { parseCpuList } from '../../lib/cpu-list.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForObject } from '../harness/wait.ts'

const NODE = 'compute-1'
let project: Project
/** The last CPU of the node. */
let cpu: number
let pinned: string
let huge: string

const cellsOf = (node: ComputeNode | undefined) => node?.status?.inventory?.cells ?? []
const setNode = (spec: object) => project.test.client.mergePatch(COMPUTE_NODE, { name: NODE }, { spec })
const waitForCells = (what: string, accept: (cells: ReturnType<typeof cellsOf>) => boolean) =>
  waitForObject<ComputeNode>(project.test.client, COMPUTE_NODE, { name: NODE }, (n) => accept(cellsOf(n)), { what })
const refused = (name: string) =>
  waitForCondition(project.test.client, INSTANCE, project.at(name), {
    ...{ type: 'Scheduled', status: 'False', reason: 'NoValidHost' },
  })

beforeAll(async () => {
  project = await Project.create('numa')
  const size = { vcpus: 1, memoryMiB: 128 }
  const flavor = async (name: string, extraSpecs: object) =>
    (await project.createClusterWide(FLAVOR, name, { ...size, extraSpecs })).metadata.name
  pinned = await flavor('pinned', { 'hw:cpu_policy': 'dedicated' })
  huge = await flavor('huge', { 'hw:mem_page_size': '2MB' })
  const known = await waitForCells('its cells', (cells) => cells.length > 0)
  cpu = Math.max(...cellsOf(known).flatMap(({ sharedCPUs }) => parseCpuList(sharedCPUs)))
}, 60_000)
afterAll(async () => {
  await setNode({ dedicatedCPUs: null })
  await project.destroy()
}, 60_000)

test('without CPUs to give away no node takes it, and each says why', async () => {
  await project.createInstance('first', { flavorRef: { name: pinned } })
  expect(await refused('first')).toContain('spec.dedicatedCPUs of its ComputeNode')
}, 60_000)

test('with one, it runs on that, and the next waits until it is free', async () => {
  const { client, cloud } = project.test
  await setNode({ dedicatedCPUs: String(cpu) })
  await waitForCells('a dedicated CPU', (cells) => cells.some(({ dedicatedCores }) => dedicatedCores === String(cpu)))
  const { status, metadata } = await project.waitActive('first')
  expect([status?.node, status?.numaTopology?.cells]).toEqual([
    ...[NODE, [{ hostCell: expect.any(Number), vcpus: '0', memoryMiB: 128, cpus: String(cpu) }]],
  ])
  const pin = await cloud.exec(NODE, ['virsh', 'vcpupin', metadata.uid])
  expect(pin.stdout).toMatch(new RegExp(`^\\s*0\\s+${cpu}\\s*$`, 'm'))

  await project.createInstance('second', { flavorRef: { name: pinned } })
  expect(await refused('second')).toContain(`0 of 1 dedicated CPUs free, 1 wanted`)
  await client.remove(INSTANCE, project.at('first'))
  await waitForGone(client, INSTANCE, project.at('first'))
  expect((await project.waitActive('second')).status?.numaTopology?.cells[0]?.cpus).toBe(String(cpu))
}, 180_000)

test('hugepages that somebody else has: its node refuses, and what is said of it stays', async () => {
  const { client, cloud } = project.test
  const free = Number((await cloud.exec(NODE, ['awk', '/HugePages_Free/ { print $2 }', '/proc/meminfo'])).stdout)
  await project.createInstance('paged', { flavorRef: { name: huge }, schedulerHints: { node: NODE } })
  if (free >= 64) {
    expect((await project.waitActive('paged')).status?.numaTopology).toMatchObject({ pageSizeKiB: 2048 })
    return
  }
  // The scheduler counts all that there are, the node those that are free.
  const said = await waitForObject<Instance>(
    client,
    INSTANCE,
    project.at('paged'),
    (i) => i?.status?.conditions?.some(({ reason }) => reason === 'NoValidHost') === true,
    { what: 'NoValidHost' },
  )
  expect(JSON.stringify(said?.status?.scheduling)).toMatch(/hugepages of 2048 KiB free|refused it/)
}, 120_000)
