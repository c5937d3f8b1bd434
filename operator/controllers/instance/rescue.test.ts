// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { Instance, InstanceAction } from '../../../lib/api/types.ts'
import type { InstanceDocument, ObservedFacts } from '../../../lib/contract/documents.ts'
import { findCondition } from '../../../lib/conditions.ts'
import { active, machine as machineOf, machineWorld, parts, putNode, runs, step } from '../../testing/machine-world.ts'
import { stored, memoryWorld } from '../../testing/memory-deps.ts'
import { recordRescue, sayRescued } from './rescue.ts'

const NOW = new Date('2026-01-01T00:00:00Z')
const from = (name: string) => ({ namespace: 'ns', name, uid: `u-${name}`, sha256: 'a'.repeat(64) })
const given = (rootDisk: number, isRescue = true) => ({
  ...{ rootDisk, actionUID: `a-${rootDisk}`, image: from(`i${rootDisk}`), isRescue },
})
const rescue = (disk: number) => ({ disk, since: 't', image: from(`i${disk}`), actionUID: `a-${disk}` })
const machine = (status: Instance['status'] = {}): Instance =>
  stored<Instance>(
    'vm',
    { flavorRef: { name: 'f' }, imageRef: { name: 'own' } },
    { status: { node: 'n1', epoch: 3, ...status } },
  )
function reported(
  of: Instance,
  facts: ObservedFacts,
  { epoch = 3, running }: { epoch?: number; running?: InstanceAction } = {},
) {
  const world = memoryWorld()
  world.report('instance', of, { node: 'n1', state: 'running', epoch, facts })
  recordRescue(of, world.bus.observed.find('instance', of.metadata.uid, 'n1'), running, NOW)
  const { disk, image, actionUID } = of.status?.rescue ?? {}
  return [disk, image?.name, actionUID]
}
const none = [undefined, undefined, undefined]
const two = [2, 'i2', 'a-2']
const said = (rescueDisk?: number): ObservedFacts => ({
  ...{ rootDisk: 0, rootDisksSettled: 2 },
  ...(rescueDisk === undefined ? {} : { rescueDisk }),
})

describe('which rescue disk it has is its node’s word', () => {
  test.each<[string, Instance['status'], ObservedFacts, unknown[]]>([
    ['nothing is said', { rescue: rescue(2) }, {}, two],
    ['it has the one that it was given', { rebuilds: [given(1), given(2)] }, said(2), two],
    ['it has none', { rescue: rescue(2) }, said(), none],
    ['it is the one that is known', { rescue: rescue(2) }, said(2), two],
    ['it is one that nobody knows of', { rescue: rescue(1) }, said(2), [2, undefined, undefined]],
    ['its number was given to a root disk', { rebuilds: [given(2, false)] }, said(2), [2, undefined, undefined]],
    ['it is an older report', { rescue: rescue(3) }, said(), [3, 'i3', 'a-3']],
    ['it is of before a rebuild', { rootDisk: 1, rescue: rescue(2) }, said(), two],
  ])('%s', (_, status, facts, expected) => expect(reported(machine(status), facts)).toEqual(expected))

  test('of another place says nothing', () => {
    expect(reported(machine({ rescue: rescue(2) }), said(), { epoch: 2 })).toEqual(two)
  })

  test('what it refused under a number that it has is another; what a running action was given is known', () => {
    const action: ObservedFacts['action'] = { uid: 'a-2', steps: [], result: 'Failed', reason: 'RootDiskSuperseded' }
    expect(reported(machine({ rebuilds: [given(2)] }), { ...said(2), action })).toEqual([2, undefined, undefined])
    const spec = { instanceRef: { name: 'vm' }, type: 'Rescue' as const }
    const running = stored<InstanceAction>('help', spec, { uid: 'a-2', status: { rootDisk: 2, image: from('i2') } })
    expect(reported(machine(), said(2), { running })).toEqual(two)
  })
})

test('it is told while it lasts, also of an Image that is not known, and of no machine without a place', () => {
  const { run } = memoryWorld()
  const tell = (status: Instance['status']) => {
    const of = machine(status)
    sayRescued(of, run)
    return { of, message: findCondition(of.status?.conditions, 'Rescued')?.message }
  }
  const { of, message } = tell({ rescue: rescue(2) })
  expect(message).toContain('a disk of Image ns/i2')
  expect(tell({ rescue: { disk: 2, since: 't' } }).message).toContain(
    'rescue disk 2, of an Image that is not known here',
  )
  delete of.status!.rescue
  sayRescued(of, run)
  expect(of.status?.conditions).toEqual([])
  const homeless = machine({ rescue: rescue(2) })
  delete homeless.status!.node
  sayRescued(homeless, run)
  expect(homeless.status).not.toHaveProperty('conditions')
})

test('a new place without the disks ends it: the machine is made from what its spec names', async () => {
  const w = machineWorld()
  const i = await active(w, machineOf({ networks: [], evacuation: 'WhenFenced' }))
  const image = i.status!.image!
  i.status!.rescue = { disk: 1, since: 't', image, actionUID: 'a' }
  const documentAt = (node: string | undefined) =>
    (w.bus.desired.documents.get(`${node}.instance.${i.metadata.uid}`) as InstanceDocument | undefined)?.spec
  const facts = { rootDisk: 0, rootDisksSettled: 1, rescueDisk: 1 }
  runs(w, i, { facts })
  await step(w, i)
  runs(w, i, { facts })
  await step(w, i)
  expect([i.status?.state, documentAt(i.status?.node)?.rescue?.disk]).toEqual(['RESCUE', 1])
  const releases = [{ kind: 'instance', uid: i.metadata.uid, name: 'vm', epoch: 1 }]
  putNode(w, i.status?.node ?? '', { lost: 'Confirmed' }, { releases })
  for (let time = 0; time < 3; time++) await step(w, i)
  expect([i.status?.rescue, i.status?.epoch, findCondition(i.status?.conditions, 'Rescued')]).toEqual([
    undefined,
    2,
    undefined,
  ])
  expect(documentAt(i.status?.node)).not.toHaveProperty('rescue')
  expect(i.status?.image?.name).toBe(parts.image().metadata.name)
})
