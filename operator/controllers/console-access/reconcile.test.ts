// SPDX-License-Identifier: Apache-2.0
// What a ConsoleAccess promises.
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { ConsoleAccess, Instance, Secret } from '../../../lib/api/types.ts'
import { hashOfToken, type ConsoleState } from '../../../lib/contract/documents.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { listGivenConsoles } from './given.ts'
import { reconcileConsoleAccess } from './reconcile.ts'

const URL = 'https://console.example.com'
let world: MemoryWorld
let access: ConsoleAccess
let machine: Instance
let made: Secret[]
let removed: string[]
let nowMs: number

beforeEach(() => {
  world = memoryWorld()
  made = []
  removed = []
  world.bus.heartbeats.expect(['n1'])
  world.bus.heartbeats.beat('n1', 'boot')
  machine = world.put(
    'instances',
    stored<Instance>('vm', { flavorRef: { name: 'f' }, imageRef: { name: 'i' } }, { status: { node: 'n1', epoch: 2 } }),
  )
  access = stored<ConsoleAccess>('a', { instanceRef: { name: 'vm' }, ttlSeconds: 60 }, {})
  nowMs = Date.parse(access.metadata.creationTimestamp ?? '')
})

function reconcile(consoleURL: string | undefined = URL): Promise<Outcome> {
  const client = {
    ...world.run.client,
    create: async (_: unknown, secret: unknown) => (made.push(secret as Secret), secret),
    remove: async (_: unknown, { name }: { name: string }) => void removed.push(name),
  } as unknown as MemoryWorld['run']['client']
  const run = { ...world.run, client, now: new Date(nowMs) }
  return reconcileConsoleAccess(access, { ...world.deps, consoleURL }, run)
}

function silence(): void {
  const others = Array.from({ length: 9 }, (_, i) => `other-${i}`)
  world.bus.heartbeats.expect(['n1', ...others])
  world.clock.ms += 600_000
  for (const name of others) world.bus.heartbeats.beat(name, 'boot')
  world.bus.heartbeats.tick()
}

const given = () => {
  world.put('consoleAccesses', structuredClone(access))
  return listGivenConsoles(machine, world.deps.caches)
}
const says = (state: ConsoleState | undefined, epoch = 2) =>
  world.report('instance', machine, {
    ...{ node: 'n1', state: 'running', epoch },
    facts: { consoles: state === undefined ? [] : [{ uid: access.metadata.uid, state }] },
  })
const granted = async () => {
  await reconcile()
  expect(access.status?.tokenSHA256).toBeDefined()
}

describe('until it may be opened', () => {
  test('its token is in a Secret of its own, and nowhere else; the machine’s document has its hash once that is written', async () => {
    expect(given()).toEqual([])
    expect(await reconcile()).toEqual({ kind: 'saved' })
    const [secret] = made
    const token = Buffer.from(secret?.data?.['token'] ?? '', 'base64').toString()
    expect(token).toMatch(/^[\w-]{43}$/)
    expect(secret).toMatchObject({
      ...{ type: 'nephele.dev/console-token', immutable: true },
      metadata: { ownerReferences: [{ kind: 'ConsoleAccess', name: 'a', uid: access.metadata.uid }] },
    })
    expect(JSON.stringify(access)).not.toContain(token)
    const { status } = access
    expect(status).toMatchObject({ node: 'n1', epoch: 2, instanceUID: machine.metadata.uid, state: 'Pending' })
    expect(status?.tokenSecretRef).toEqual({ name: secret?.metadata.name })
    expect(status?.url).toBe(`${URL}/serial/n1/${machine.metadata.uid}/${access.metadata.uid}`)
    expect(given()).toEqual([
      { uid: access.metadata.uid, tokenSHA256: hashOfToken(token), notAfter: status?.notAfter, force: false },
    ])
    expect(Date.parse(status?.notAfter ?? '')).toBe(nowMs + 60_000)
  })

  test.each(['VNC', 'Log'] as const)(
    'of a %s it says so to the node, and waits until that knows of it',
    async (type) => {
      access = { ...access, spec: { ...access.spec, type } }
      await granted()
      expect(access.status?.url).toBe(`${URL}/${type.toLowerCase()}/n1/${machine.metadata.uid}/${access.metadata.uid}`)
      expect(given()).toMatchObject([{ uid: access.metadata.uid, type }])
      // An older agent, which would open the serial console.
      says('Waiting')
      expect(await reconcile()).toMatchObject({ kind: 'wait', reason: 'Provisioning' })
      world.report('instance', machine, {
        ...{ node: 'n1', state: 'running', epoch: 2 },
        facts: { consoles: [{ uid: access.metadata.uid, state: 'Waiting', type }] },
      })
      expect(await reconcile()).toMatchObject({ kind: 'done' })
      expect(access.status?.state).toBe('Ready')
    },
  )

  test.each([
    ['Waiting', true, 'Closed'],
    ['Open', true, 'Closed'],
    ['Closed', true, 'Closed'],
    // Used before the operator heard of it.
    ['Closed', false, 'Closed'],
    ['Waiting', false, 'Pending'],
    ['Open', false, 'Pending'],
    [undefined, true, 'Open'],
  ] as const)(
    'of a screen, after a rollback of the agent, which says %s; opened before: %s: it is %s',
    async (said, wasOpen, state) => {
      access = { ...access, spec: { ...access.spec, type: 'VNC' } }
      await granted()
      if (wasOpen) {
        world.report('instance', machine, {
          ...{ node: 'n1', state: 'running', epoch: 2 },
          facts: { consoles: [{ uid: access.metadata.uid, state: 'Open', type: 'VNC' }] },
        })
        await reconcile()
        expect(access.status?.state).toBe('Open')
      }
      says(said)
      await reconcile()
      expect(access.status?.state).toBe(state)
    },
  )

  test('another operator, that found no status, makes another token: the first opens nothing', async () => {
    await granted()
    const first = access.status?.tokenSHA256
    access = { ...access, status: {} }
    await granted()
    expect(access.status?.tokenSHA256).not.toBe(first)
    expect(new Set(made.map(({ metadata }) => metadata.name)).size).toBe(2)
  })

  test('it waits for the node’s word, of this placement', async () => {
    await granted()
    expect(await reconcile()).toMatchObject({ kind: 'wait', reason: 'Provisioning' })
    says('Waiting', 1)
    expect(await reconcile()).toMatchObject({ reason: 'Provisioning' })
    says('Waiting')
    expect(await reconcile()).toMatchObject({ kind: 'done', retryAfterMs: 70_000 })
    expect(access.status?.state).toBe('Ready')
  })

  test.each([
    ['InstanceNotFound', () => world.drop('instances', machine)],
    ['InstanceNotReady', () => world.put('instances', { ...machine, status: {} })],
    [
      'InstanceDeleting',
      () => world.put('instances', { ...machine, metadata: { ...machine.metadata, deletionTimestamp: 'x' } }),
    ],
    ['NodeSilent', () => silence()],
  ] as const)('it waits with %s, and fails with it when its time is over', async (reason, happens) => {
    happens()
    expect(await reconcile()).toMatchObject({ kind: 'wait', reason, retryAfterMs: 60_000 })
    expect([made, access.status?.state]).toEqual([[], 'Pending'])
    nowMs += 60_000
    expect(await reconcile()).toMatchObject({ kind: 'wait', reason })
    expect([made, access.status?.state]).toEqual([[], 'Failed'])
  })

  test('without a console process it fails at once; so many accesses has a machine, and no more', async () => {
    for (let i = 0; i < 8; i++)
      world.put(
        'consoleAccesses',
        stored<ConsoleAccess>(`o${i}`, access.spec, {
          status: { instanceUID: machine.metadata.uid, tokenSHA256: 'x', state: 'Ready' },
        }),
      )
    expect(await reconcile()).toMatchObject({ reason: 'TooManyConsoles' })
    expect(await reconcileConsoleAccess(access, { ...world.deps, consoleURL: undefined }, world.run)).toMatchObject({
      reason: 'ConsolesOff',
    })
    expect(access.status?.state).toBe('Failed')
  })
})

describe('from then on', () => {
  beforeEach(async () => {
    await granted()
    says('Waiting')
    await reconcile()
  })

  test('it is open as long as its node says so, whatever its time; then it is over, and goes', async () => {
    says('Open')
    expect(await reconcile()).toEqual({ kind: 'done' })
    expect(access.status).toMatchObject({ state: 'Open', openedAt: expect.any(String) })
    nowMs += 3_600_000
    expect(await reconcile()).toEqual({ kind: 'done' })
    expect(given()).toHaveLength(1)
    says('Closed')
    expect(await reconcile()).toMatchObject({ kind: 'wait', reason: 'Closed' })
    expect([access.status?.state, given()]).toEqual(['Closed', []])
    nowMs += 599_000
    await reconcile()
    expect(removed).toEqual([])
    nowMs += 1_000
    await reconcile()
    expect(removed).toEqual(['a'])
  })

  test('nobody opened it in time: it is taken back a little later, since the node may have said so in the last moment', async () => {
    nowMs += 69_999
    expect(await reconcile()).toMatchObject({ kind: 'done' })
    nowMs += 1
    expect(await reconcile()).toMatchObject({ reason: 'Expired' })
    expect([access.status?.state, given()]).toEqual(['Failed', []])
  })

  test.each([
    ['InstanceMoved', () => world.put('instances', { ...machine, status: { ...machine.status, epoch: 3 } })],
    ['InstanceGone', () => world.drop('instances', machine)],
  ] as const)('%s ends it', async (reason, happens) => {
    happens()
    expect(await reconcile()).toMatchObject({ reason })
    expect(access.status?.state).toBe('Failed')
  })

  test('an open one whose machine leaves was used', async () => {
    says('Open')
    await reconcile()
    world.drop('instances', machine)
    expect(await reconcile()).toMatchObject({ reason: 'Closed' })
    expect(access.status?.state).toBe('Closed')
  })

  test('deleted, or of another placement, it is in no document', () => {
    expect(given()).toHaveLength(1)
    expect(listGivenConsoles({ ...machine, status: { node: 'n1', epoch: 3 } }, world.deps.caches)).toEqual([])
    access.metadata.deletionTimestamp = 'x'
    expect(given()).toEqual([])
  })
})
