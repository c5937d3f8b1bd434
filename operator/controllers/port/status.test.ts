// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { Instance, Port } from '../../../lib/api/types.ts'
import { CONTRACT_VERSION, type ObservedDocument } from '../../../lib/contract/documents.ts'
import { stored } from '../../testing/memory-deps.ts'
import { observePort } from './status.ts'

const binding = (runState: Instance['spec']['runState'] = 'Running') => ({
  instance: stored<Instance>('vm', { flavorRef: { name: 'f' }, imageRef: { name: 'i' }, runState }),
  node: 'c1',
  epoch: 2,
  hostname: 'vm',
})
const report = (state: string, facts: ObservedDocument['facts'] = {}, epoch = 2): ObservedDocument => ({
  v: CONTRACT_VERSION,
  kind: 'port',
  uid: 'uid-p',
  name: 'p',
  node: 'c1',
  state,
  facts,
  bootId: 'boot-0001',
  since: '2026-01-01T00:00:00Z',
  versions: { incarnation: 1, term: 1, epoch, generation: 1 },
})
const WRITER = { incarnation: 1, term: 1 }
const flowsAlone = { ovnInstalled: true, linkUp: false }

describe('what a node says of a port', () => {
  test.each<[string, number | undefined, string]>([
    ['of the spec that is wanted', 1, 'ACTIVE'],
    ['of a spec without a number', undefined, 'ACTIVE'],
    ['of an older spec', 2, 'BUILD'],
  ])('%s', (_what, generation, state) => {
    const port = stored<Port>('p', { networkRef: { name: 'lan' } })
    if (generation === undefined) delete port.metadata.generation
    else port.metadata.generation = generation
    observePort(port, binding(), report('active', { ovnInstalled: true, linkUp: true }), WRITER)
    expect(port.status?.state).toBe(state)
  })

  test.each([
    ['nothing yet', undefined, 'Running', { reason: 'Plugging' }, 'BUILD'],
    ['not plugged', report('plugging', { ovnInstalled: false }), 'Running', { reason: 'Plugging' }, 'BUILD'],
    ['plugged, no driver in the guest', report('plugging', flowsAlone), 'Running', { reason: 'LinkDown' }, 'DOWN'],
    ['the same of an older place', report('plugging', flowsAlone, 1), 'Running', { reason: 'Plugging' }, 'BUILD'],
    ['plugged, and its machine is off', report('plugging', flowsAlone), 'Stopped', { kind: 'done' }, 'DOWN'],
    ['packets pass', report('active', { ovnInstalled: true, linkUp: true }), 'Running', { kind: 'done' }, 'ACTIVE'],
  ] as const)('%s', (_what, observed, runState, outcome, state) => {
    const port = stored<Port>('p', { networkRef: { name: 'lan' }, vnicType: 'vhostuser' })
    expect(observePort(port, binding(runState), observed, WRITER)).toMatchObject(outcome)
    expect(port.status?.state).toBe(state)
  })

  test.each<[string, object, ObservedDocument | undefined, object, string]>([
    ['of what it was asked before', { generation: 2 }, report('active'), { reason: 'Plugging' }, 'BUILD'],
    ['that it cannot be plugged yet', {}, report('failed'), { reason: 'PlugFailed' }, 'BUILD'],
    ['that it is refused', {}, report('refused'), { reason: 'Refused' }, 'BUILD'],
    ['nothing any more', { status: { state: 'ACTIVE' } }, undefined, { reason: 'Plugging' }, 'ACTIVE'],
    [
      'that it is no longer plugged',
      { status: { state: 'ACTIVE' } },
      report('plugging'),
      { reason: 'Plugging' },
      'BUILD',
    ],
  ])('says %s', (_, more, observed, outcome, state) => {
    const port = stored<Port>('p', { networkRef: { name: 'lan' } }, { status: { state: 'BUILD' }, ...more })
    const saying = () => observePort(port, binding(), observed, WRITER)
    if (observed?.state === 'refused') expect(saying).toThrow(expect.objectContaining(outcome))
    else expect(saying()).toMatchObject(outcome)
    expect(port.status?.state).toBe(state)
  })
  test.each<[string, string, number, string, string]>([
    ['that it is plugged', 'active', 1, 'Plugging', 'ACTIVE'],
    ['that it is refused', 'refused', 1, 'Plugging', 'ACTIVE'],
    ['the same of this one', 'refused', 2, 'Refused', 'ACTIVE'],
  ])('%s (%s), while the cloud is in incarnation 2: said in %d', (_, said, incarnation, reason, state) => {
    const port = stored<Port>('p', { networkRef: { name: 'lan' } }, { status: { state: 'ACTIVE' } })
    const observed = report(said)
    observed.versions.incarnation = incarnation
    const saying = () => observePort(port, binding(), observed, { incarnation: 2, term: 1 })
    if (reason === 'Refused') expect(saying).toThrow(expect.objectContaining({ reason }))
    else expect(saying()).toMatchObject({ reason })
    expect(port.status?.state).toBe(state)
  })

  test('a guest that reboots takes its port down and up again', () => {
    const port = stored<Port>('p', { networkRef: { name: 'lan' } }, { status: { state: 'ACTIVE' } })
    expect(observePort(port, binding(), report('plugging', flowsAlone), WRITER)).toMatchObject({
      message: expect.stringContaining('virtio driver'),
    })
    expect(port.status).toMatchObject({ state: 'DOWN', node: 'c1', epoch: 2, instance: { name: 'vm' } })
  })
})
