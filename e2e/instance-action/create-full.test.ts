// SPDX-License-Identifier: Apache-2.0
// What is done to a machine is done to its guest once: its boots are counted, also when agent, libvirtd and operator are killed in between.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE, INSTANCE_ACTION } from '../../lib/api/kinds.ts'
import type { InstanceAction } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import * as draft from '../harness/objects.ts'
import { consoleText } from '../harness/console.ts'
import { parseMarks } from '../harness/marks.ts'
import { ON_NET, Project } from '../harness/project.ts'
import { waitForGone, waitForObject, waitUntilTrue } from '../harness/wait.ts'

const NODE = 'compute-1'
let project: Project
beforeAll(async () => {
  project = await Project.create('inst-action', { net: '10.87.0.0/24' })
  await project.boot('vm', { availabilityZone: 'zone-a', ...ON_NET })
  await project.waitForMark('vm', 'login')
}, 150_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

/** As the console of the guest says it. */
const boots = async () =>
  parseMarks(consoleText(project.test.cloud, await project.get('vm'))).filter(({ what }) => what === 'boot').length
const make = (name: string, spec: object) =>
  project.create<InstanceAction>(INSTANCE_ACTION, draft.instanceAction(project.at(name), 'vm', spec))
const isOver = (action: InstanceAction | undefined) => ['Succeeded', 'Failed'].includes(action?.status?.state ?? '')
const waitForBegun = (name: string) => {
  const isBegun = (action: InstanceAction | undefined) => action?.status?.state === 'Running' || isOver(action)
  return waitForObject<InstanceAction>(project.test.client, INSTANCE_ACTION, project.at(name), isBegun, {
    what: 'begun',
  })
}
async function endOf(name: string): Promise<InstanceAction> {
  const options = { what: 'over', timeoutMs: 120_000 }
  const ref = project.at(name)
  const action = await waitForObject<InstanceAction>(project.test.client, INSTANCE_ACTION, ref, isOver, options)
  if (!action) throw new Error(`InstanceAction ${name} is gone`)
  return action
}
const reasonOf = (action: InstanceAction) => findCondition(action.status?.conditions, 'Ready')?.reason
const stepsOf = (action: InstanceAction) => action.status?.steps?.map(({ name }) => name)
const waitForBoots = (count: number) => waitUntilTrue(`${count} boots`, async () => (await boots()) === count, 60_000)

test('a soft reboot, while which a reset waits, and a hard one: one boot each', async () => {
  const before = await boots()
  const soft = await make('soft', { reboot: { type: 'Soft', softTimeoutSeconds: 60 } })
  expect(soft.spec.requestedBy).toBeDefined()
  // Of two that are made within one second either may be the first.
  await waitForBegun('soft')
  await make('reset', { type: 'Reset' })
  const ended = await endOf('soft')
  expect([ended.status?.state, ...(stepsOf(ended) ?? [])]).toEqual([
    'Succeeded',
    'ShutdownAsked',
    'PoweredOff',
    'Started',
  ])
  const reset = await endOf('reset')
  expect([reset.status?.state, ...(stepsOf(reset) ?? [])]).toEqual(['Succeeded', 'Reset'])
  // That it says so meanwhile is for operator/controllers/instance-action: a guest may be too quick for it to be seen here.
  expect(Date.parse(reset.status?.startTime ?? '')).toBeGreaterThanOrEqual(
    Date.parse(ended.status?.completionTime ?? ''),
  )
  await project.waitActive('vm')
  // The reset may have come before the guest said that it boots.
  await waitUntilTrue('a boot', async () => (await boots()) > before, 60_000)
  await project.waitForMark('vm', 'login')
  const now = await boots()
  expect(now - before).toBeLessThanOrEqual(2)
  await make('hard', { reboot: { type: 'Hard' } })
  expect(stepsOf(await endOf('hard'))).toEqual(['ForcedOff', 'PoweredOff', 'Started'])
  await waitForBoots(now + 1)
  expect((await project.get('vm')).status?.restarts ?? 0).toBe(0)
}, 240_000)

test('operator, agent and libvirtd are killed meanwhile: the guest boots once more all the same', async () => {
  const { cloud } = project.test
  await project.waitForMark('vm', 'login')
  const before = await boots()
  await make('killed', { reboot: { type: 'Soft', softTimeoutSeconds: 60 } })
  await waitForBegun('killed')
  const operator = cloud.findProcess('operator')?.pid
  expect((await cloud.restartProcess('operator')).pid).not.toBe(operator)
  await cloud.restartDaemon(NODE, 'agent')
  await cloud.restartDaemon(NODE, 'libvirtd')
  expect((await endOf('killed')).status?.state).toBe('Succeeded')
  await waitForBoots(before + 1)
  await project.waitForMark('vm', 'login')
  await cloud.restartDaemon(NODE, 'agent')
  await project.waitActive('vm')
  expect(await boots()).toBe(before + 1)
}, 240_000)

test('a machine that crashed and that its policy leaves off: what failed is tried again, and it runs', async () => {
  await project.patch(INSTANCE, 'vm', { spec: { restartPolicy: 'Never' } })
  await project.waitActive('vm')
  await project.waitForMark('vm', 'login')
  const before = await boots()
  const { uid } = (await project.get('vm')).metadata
  const crash = `kill -9 "$(cat /run/libvirt/qemu/nephele-${uid}.pid)"`
  await project.test.cloud.exec(NODE, ['sh', '-c', crash])
  await waitUntilTrue('ERROR', async () => (await project.get('vm')).status?.state === 'ERROR', 60_000)
  await make('try-again', { type: 'ResetState' })
  const ended = await endOf('try-again')
  expect([ended.status?.state, stepsOf(ended)]).toEqual(['Succeeded', ['StateReset']])
  await project.waitActive('vm')
  await waitForBoots(before + 1)
  await project.patch(INSTANCE, 'vm', { spec: { restartPolicy: 'OnFailure' } })
}, 180_000)

test('a machine whose disk cannot be read is cut off, does not start, and says so; it starts once it can', async () => {
  await project.waitForMark('vm', 'login')
  const { uid } = (await project.get('vm')).metadata
  const { cloud } = project.test
  const disk =
    (await cloud.exec(NODE, ['virsh', 'domblklist', `nephele-${uid}`])).stdout.match(/\/\S*root\S*/)?.[0] ?? ''
  expect(disk).toContain(uid)
  const before = await boots()
  await cloud.exec(NODE, ['mv', disk, `${disk}.away`])
  await make('cannot', { reboot: { type: 'Hard' }, activeDeadlineSeconds: 30 })
  const ended = await endOf('cannot')
  expect([ended.status?.state, reasonOf(ended), stepsOf(ended)]).toEqual([
    ...['Failed', 'StartFailed', ['ForcedOff', 'PoweredOff']],
  ])
  expect(findCondition((await project.get('vm')).status?.conditions, 'Ready')?.message).toMatch(/disk/)
  await cloud.exec(NODE, ['mv', `${disk}.away`, disk])
  await project.waitActive('vm')
  await waitForBoots(before + 1)
}, 240_000)

test('a machine that is to be off is refused, and what is deleted leaves the machine alone', async () => {
  await project.patch(INSTANCE, 'vm', { spec: { runState: 'Stopped' } })
  await make('off', {})
  const off = await endOf('off')
  expect([off.status?.state, reasonOf(off)]).toEqual(['Failed', 'InstanceNotRunning'])
  await project.patch(INSTANCE, 'vm', { spec: { runState: 'Running' } })
  await project.test.client.remove(INSTANCE_ACTION, project.at('off'))
  await waitForGone(project.test.client, INSTANCE_ACTION, project.at('off'))
  await project.waitActive('vm')
}, 180_000)
