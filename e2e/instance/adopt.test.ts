// SPDX-License-Identifier: Apache-2.0
// An agent that has lost its memory finds its machines running, and takes them as they are.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { COMPUTE_NODE, INSTANCE } from '../../lib/api/kinds.ts'
import type { ComputeNode, Instance } from '../../lib/api/types.ts'
import { pathIn } from '../../local/node/node.ts'
import { findProcesses } from '../harness/processes.ts'
import { ON_NET, Project } from '../harness/project.ts'
import { waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const NODE = 'compute-1'

let project: Project
let box: Instance
beforeAll(async () => {
  project = await Project.create('adopt', { net: '10.28.0.0/24' })
  await project.createVolume('data')
  box = await project.boot('box', {
    ...ON_NET,
    volumes: [{ volumeRef: { name: 'data' } }],
    availabilityZone: 'zone-a',
  })
  await project.waitForMark('box', 'login')
}, 120_000)
afterAll(async () => {
  await project.test.cloud.startDaemon(NODE, 'agent')
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

/** Paths on the node of all that the agent noted about its documents and its machines' power. */
function listMemory(): string[] {
  const at = (path: string) => pathIn(project.test.cloud.node(NODE), join('/var/lib/nephele', path))
  const documents = readdirSync(at('documents')).map((name) => at(`documents/${name}`))
  return [...documents, at(`instances/${box.metadata.uid}/power.json`)]
}

const qemusOf = ({ metadata }: Instance) =>
  findProcesses(project.test.cloud.node(NODE), `-uuid ${metadata.uid}`.split(' ')[1] ?? '')
    .map(({ pid }) => pid)
    .sort()

test('documents and power records lost: the machine is neither started again nor stopped, and is known again', async () => {
  const { client, cloud } = project.test
  const boot = (await project.marks('box'))[0]?.rest
  const before = qemusOf(box)
  expect(before).toHaveLength(1)
  const { domainId } = await lookAt(box)

  await cloud.stopDaemon(NODE, 'agent')
  for (const path of listMemory()) rmSync(path)
  await cloud.startDaemon(NODE, 'agent')

  await waitUntilTrue('its document again', () =>
    readdirSync(pathIn(cloud.node(NODE), '/var/lib/nephele/documents')).includes(`instance.${box.metadata.uid}.json`),
  )
  await waitForReady<ComputeNode>(client, COMPUTE_NODE, { name: NODE })
  // What was asked of it reaches it: it is not only left alone, it is led again.
  await project.patch(INSTANCE, 'box', { spec: { runState: 'Paused' } })
  await waitForState('PAUSED')
  await project.patch(INSTANCE, 'box', { spec: { runState: 'Running' } })
  await waitForState('ACTIVE')
  expect(qemusOf(box)).toEqual(before)
  expect((await lookAt(box)).domainId).toBe(domainId)
  expect((await project.marks('box'))[0]?.rest).toBe(boot)
  // For as long as no document asked for it, it was one that nobody asked for.
  const hasNone = (n: ComputeNode | undefined) => n?.status?.orphans === undefined
  await waitForObject<ComputeNode>(client, COMPUTE_NODE, { name: NODE }, hasNone, { what: 'no orphans' })
  const after = await project.waitActive('box')
  expect(after.status?.epoch).toBe(box.status?.epoch)
}, 120_000)

/** libvirt numbers a domain anew at each start. */
async function lookAt({ metadata }: Instance): Promise<{ domainId: string }> {
  const { stdout } = await project.test.cloud.exec(NODE, ['virsh', 'domid', metadata.uid])
  return { domainId: stdout.trim() }
}

function waitForState(state: string): Promise<unknown> {
  const is = (i: Instance | undefined) => i?.status?.state === state
  return waitForObject<Instance>(project.test.client, INSTANCE, project.at('box'), is, { what: state })
}
