// SPDX-License-Identifier: Apache-2.0
// examples/scheduling as written, in a namespace of the test's own: each ends as docs/scheduling.md says.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { parseAllDocuments } from 'yaml'
import { COMPUTE_NODE, CUSTOM_KINDS, INSTANCE, PLACEMENT_PREVIEW, SCHEDULER_PROFILE } from '../../lib/api/kinds.ts'
import type { ComputeNode, PlacementPreview } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForGone, waitForObject, waitForReady } from '../harness/wait.ts'

const FOLDER = join(import.meta.dirname, '..', '..', 'examples', 'scheduling')
const PROFILE = { name: 'scheduling-new-halls' }

let project: Project
const clusterWide: KubeObject[] = []
beforeAll(async () => {
  project = await Project.create('rules')
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.yaml'))
  for (const file of files.sort()) {
    const documents = parseAllDocuments(readFileSync(join(FOLDER, file), 'utf8'))
    for (const document of documents) await create(document.toJS() as KubeObject)
    // An aggregate counts once its nodes show it.
    if (file.startsWith('10-')) {
      const isIn = (node?: ComputeNode) => node?.status?.aggregates?.includes('scheduling-old-hall') ?? false
      await waitForObject<ComputeNode>(project.test.client, COMPUTE_NODE, { name: 'compute-1' }, isIn, {
        what: 'in the aggregate',
      })
    }
  }
}, 60_000)
afterAll(async () => {
  await project.destroy()
  for (const { kind, metadata } of clusterWide.reverse()) await project.test.client.remove(kindOf(kind), metadata)
  for (const { kind, metadata } of clusterWide) await waitForGone(project.test.client, kindOf(kind), metadata)
}, 60_000)

function kindOf(kind: string | undefined) {
  const known = CUSTOM_KINDS.find((one) => one.kind === kind)
  if (!known) throw new Error(`no kind ${kind ?? ''}`)
  return known
}

async function create(object: KubeObject): Promise<void> {
  const kind = kindOf(object.kind)
  if (kind.namespaced) object.metadata.namespace = project.namespace
  else clusterWide.push(object)
  await project.test.client.create(kind, object)
}

const answerOf = async (name: string) => {
  const { status } = await waitForReady<PlacementPreview>(project.test.client, PLACEMENT_PREVIEW, project.at(name))
  return { ...status, said: findCondition(status?.conditions, 'Ready')?.message ?? '' }
}

test('the rule keeps a machine out of the old hall, and its explanation says so', async () => {
  const { status } = await project.waitActive('careful')
  expect(status?.node).toBe('compute-2')
  const refusal = { name: 'NotInTheOldHall', refused: 1, example: expect.stringMatching(/^compute-1 is refused by !/) }
  expect(status?.scheduling).toMatchObject({ node: 'compute-2', filters: expect.arrayContaining([refusal]) })
}, 60_000)

test('a machine that is too large waits, and its preview says why in the same words', async () => {
  const waits = { type: 'Scheduled', status: 'False', reason: 'NoValidHost' } as const
  const why = await waitForCondition(project.test.client, INSTANCE, project.at('huge'), waits)
  expect(why).toMatch(
    /^all 3 nodes were refused: RamFilter 2 \(compute-1 has \d+ of \d+ MiB of memory free, \d+ wanted/,
  )
  // Other tests' machines come and go.
  const withoutUse = (text: string) => text.replace(/has \d+ of/g, 'has some of')
  expect(withoutUse((await answerOf('why-not')).said)).toBe(withoutUse(`it does not fit; ${why}`))
}, 60_000)

test('three more fit where the first one is', async () => {
  const answer = await answerOf('three-more')
  expect(answer.said).toBe('all 3 fit: 3 on compute-2')
  expect(answer.nodes?.slice(0, 2)).toMatchObject([
    { name: 'compute-2', instances: 3, weights: expect.arrayContaining([{ name: 'RAMWeigher', weight: 1000 }]) },
    { name: 'compute-1', refusedBy: [{ name: 'NotInTheOldHall' }] },
  ])
}, 60_000)

test('without its node it would have none', async () => {
  const at = { ...project.at('once-more') }
  await project.waitActive('careful')
  await project.create(PLACEMENT_PREVIEW, {
    ...{ apiVersion: 'nephele.dev/v1alpha1', kind: 'PlacementPreview', metadata: at },
    spec: { drainNode: 'compute-2', limit: 100 },
  })
  for (const name of ['without-compute-2', 'once-more']) expect((await answerOf(name)).state).toBe('Succeeded')
  const { machines } = await answerOf('once-more')
  const careful = machines?.find(({ namespace, name }) => namespace === project.namespace && name === 'careful')
  expect(careful?.message).toContain('NotInTheOldHall 1 (compute-1 is refused by')
}, 60_000)

test('a rule that is broken says where, places nobody, and is mended', async () => {
  const { client } = project.test
  const change = (expression: string) =>
    client.mergePatch(SCHEDULER_PROFILE, PROFILE, {
      spec: { customFilters: [{ name: 'NotInTheOldHall', expression }] },
    })
  await change('node.name ==')
  const broken = { type: 'Stalled', reason: 'InvalidProfile' }
  expect(await waitForCondition(client, SCHEDULER_PROFILE, PROFILE, broken)).toMatch(
    /^spec.customFilters\[0\].expression/,
  )
  await project.createInstance('later', { flavorRef: PROFILE, runState: 'Stopped' })
  const waitsWith = (reason: string) =>
    waitForCondition(client, INSTANCE, project.at('later'), { type: 'Scheduled', status: 'False', reason })
  await waitsWith('ProfileStalled')
  // Of no node: which one is told as the example depends on which came first.
  await change("aggregate.metadata['hill'][0] != 'old'")
  expect(await waitsWith('NoValidHost')).toContain('cannot be judged by its expression: ')
  await change("node.name != 'compute-2' && node.freeMemoryMiB >= 0")
  const { status } = await project.waitActive('later')
  expect(status?.node).toBe('compute-1')
}, 60_000)
