// SPDX-License-Identifier: Apache-2.0
// What of the answers of a machine's node is told: in its status and by Events.
import { describe, expect, test } from '@jest/globals'
import type { Instance, Port } from '../../../lib/api/types.ts'
import { findCondition } from '../../../lib/conditions.ts'
import type { RunEvent } from '../../../lib/loop/controller.ts'
import { active, machine, machineWorld, runs, step } from '../../testing/machine-world.ts'
import { stored, type MemoryWorld } from '../../testing/memory-deps.ts'

const bare = (spec: Partial<Instance['spec']> = {}) => machine({ networks: [], ...spec })

async function placed(w: MemoryWorld, i = bare()): Promise<Instance> {
  expect(await step(w, i)).toEqual({ kind: 'saved' })
  return i
}

function eventsOf(w: MemoryWorld): RunEvent[] {
  const events: RunEvent[] = []
  Object.assign(w.run, { event: (event: RunEvent) => void events.push(event) })
  return events
}

describe('what is told of it', () => {
  test('its addresses, as its Ports have them now', async () => {
    const w = machineWorld()
    const i = await active(w)
    const port = w.deps.caches.ports.list()[0]!
    w.put('ports', {
      ...port,
      status: { ...port.status, fixedIPs: [{ subnet: 's', ipAddress: '10.0.0.77', prefixLength: 24 }] },
    })
    await step(w, i)
    expect(i.status?.addresses).toMatchObject([{ ipAddress: '10.0.0.77' }])
  })

  test('that it runs: once for each time, and not while something of it is waited for', async () => {
    const w = machineWorld()
    const events = eventsOf(w)
    const i = await placed(w, machine())
    events.splice(0)
    await step(w, i)
    w.report('instance', i, {
      node: i.status!.node!,
      epoch: 1,
      state: 'running',
      facts: { stages: ['ImageCached', 'Booted'], volumesAttached: [] },
    })
    expect(await step(w, i)).toMatchObject({ reason: 'AttachingNetwork' })
    expect(events).toEqual([])
    runs(w, i)
    await step(w, i)
    await step(w, i)
    const started = { type: 'Normal', reason: 'Started', action: 'Start', note: `runs on node ${i.status!.node!}` }
    expect(events.splice(0)).toEqual([started])
    runs(w, i, { state: 'stopped', facts: { stoppedBecause: 'GuestStopped' } })
    await step(w, i)
    expect(events).toEqual([])
    runs(w, i)
    await step(w, i)
    expect(events).toEqual([started])
  })

  test('that it still runs is no start of one that is to be off', async () => {
    const w = machineWorld()
    const i = await placed(w, bare({ runState: 'Stopped' }))
    const events = eventsOf(w)
    runs(w, i)
    expect(await step(w, i)).toMatchObject({ reason: 'PowerChanging' })
    expect([i.status?.state, events]).toEqual(['ACTIVE', []])
  })

  test('that it is off is no start', async () => {
    const w = machineWorld()
    const i = await placed(w, bare({ runState: 'Stopped' }))
    const events = eventsOf(w)
    runs(w, i, { state: 'stopped' })
    expect(await step(w, i)).toEqual({ kind: 'done' })
    expect(events).toEqual([])
  })

  test.each<[object, object]>([
    [
      { restarts: 1, restartedAfter: 'Crashed' },
      { type: 'Warning', note: 'after Crashed: restart 1' },
    ],
    [
      { restarts: 2, restartedAfter: 'GuestStopped' },
      { type: 'Normal', note: 'after GuestStopped: restart 2' },
    ],
    [{ restarts: 1 }, { type: 'Normal', note: 'after an end of its own: restart 1' }],
  ])('a restart: %j', async (facts, { type, note }: { type?: string; note?: string }) => {
    const w = machineWorld()
    const i = await active(w, bare())
    const events = eventsOf(w)
    runs(w, i, { facts })
    await step(w, i)
    expect(events).toEqual([{ type, reason: 'Restarted', action: 'Start', note: expect.stringContaining(note!) }])
  })

  test('one that was built anew elsewhere begins to count again: no restart', async () => {
    const w = machineWorld()
    const i = await active(w, bare())
    const events = eventsOf(w)
    i.status!.restarts = 3
    runs(w, i, { facts: { restarts: 1, restartedAfter: 'Crashed' } })
    await step(w, i)
    expect([events, i.status?.restarts]).toEqual([[], 1])
  })

  test('nothing of what a silent node said last', async () => {
    const w = machineWorld()
    const i = await active(w, bare())
    runs(w, i, { state: 'crashed' })
    for (let beats = 0; beats < 6; beats++) {
      w.clock.ms += 10_000
      // One alone: silence of all says more of the bus.
      w.bus.heartbeats.beat(i.status?.node === 'c1' ? 'c2' : 'c1', 'boot-0001')
      w.bus.heartbeats.tick()
    }
    expect(await step(w, i)).toMatchObject({ kind: 'wait', reason: 'NodeSilent' })
    expect(i.status?.state).toBe('ACTIVE')
  })

  test('nothing of a machine that cannot be sent its document', async () => {
    const w = machineWorld()
    const i = await active(w, bare())
    i.status!.state = 'BUILD'
    i.spec.volumes = [{ volumeRef: { name: 'typo' } }]
    w.bus.desired.wipe()
    expect(await step(w, i)).toMatchObject({ kind: 'wait', reason: 'VolumeNotFound' })
    expect(i.status?.state).toBe('BUILD')
    expect(findCondition(i.status?.conditions, 'VolumesAttached')).toMatchObject({
      status: 'False',
      reason: 'VolumeNotFound',
    })
    expect(w.bus.desired.list().map(({ kind }) => kind)).toEqual(['image'])
  })
})

describe('its interfaces are plugged when its node says so of all its Ports', () => {
  const held = { name: 'vm', uid: 'uid-vm' }
  type Said = { epoch?: number; state?: string; incarnation?: number; generation?: number } | undefined
  test.each<[string, Said, Said, string]>([
    ['of both', {}, {}, 'True'],
    ['of the machine’s own not yet', undefined, {}, 'False'],
    ['of the user’s not yet', {}, undefined, 'False'],
    ['of the machine’s own, under another epoch than the machine’s', { epoch: 0 }, {}, 'False'],
    ['of the user’s, under an older epoch than the Port’s', {}, { epoch: 6 }, 'False'],
    ['of both, of an older generation: that is who has them', { generation: 0 }, { generation: 0 }, 'True'],
    ['of one, in another life of the store', { incarnation: 0 }, {}, 'False'],
    ['that one is gone', {}, { state: 'gone' }, 'False'],
  ])('%s', async (_, own, users, status) => {
    const w = machineWorld()
    const eth = stored<Port>(
      'eth',
      { networkRef: { name: 'lan' } },
      { status: { macAddress: 'fa:16:3e:00:00:01', instance: held, epoch: 7 } },
    )
    w.put('ports', eth)
    const i = await placed(w, machine({ networks: [{ networkRef: { name: 'lan' } }, { portRef: { name: 'eth' } }] }))
    const { node = '' } = i.status!
    const say = (port: Port, said: Said, at: number) => {
      const { epoch = at, state = 'active', ...more } = said ?? {}
      const versions = { incarnation: 1, term: 1, generation: 1, epoch, ...more }
      if (said) w.report('port', port, { node, epoch, state, versions })
    }
    for (const port of w.deps.caches.ports.list())
      if (port.metadata.name === 'eth') say(port, users, 7)
      else say(port, own, 1)
    w.report('instance', i, { node, epoch: 1, state: 'running', facts: { stages: ['Booted'], volumesAttached: [] } })
    await step(w, i)
    expect(findCondition(i.status?.conditions, 'NetworkAttached')?.status).toBe(status)
  })

  test('one that says no counts more than one that says nothing', async () => {
    const w = machineWorld()
    const i = await active(w, machine({ networks: [{ networkRef: { name: 'lan' } }, { networkRef: { name: 'lan' } }] }))
    const [first, second] = w.deps.caches.ports.list()
    const at = { node: i.status!.node!, epoch: 1 }
    w.report('port', first!, { ...at, state: 'plugging' })
    expect(await step(w, i)).toEqual({ kind: 'done' })
    w.report('port', second!, { ...at, state: 'gone' })
    expect(await step(w, i)).toMatchObject({ reason: 'AttachingNetwork' })
  })
})
