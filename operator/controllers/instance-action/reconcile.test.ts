// SPDX-License-Identifier: Apache-2.0
// What an InstanceAction promises: it is given to its machine's node once, one at a time, and has one end, which says what is known.
import { beforeEach, describe, expect, test } from '@jest/globals'
import { ADMIN_PASSWORD_LABEL } from '../../../lib/api/kinds.ts'
import type { ComputeNode, Instance, InstanceAction, Secret } from '../../../lib/api/types.ts'
import { passwordUse, type MachineAction, type ObservedAction } from '../../../lib/contract/documents.ts'
import { ApiError } from '../../../lib/kube/errors.ts'
import { createSealingKey, sealingKeyOf, unseal } from '../../../lib/pki/sealed.ts'
import { instanceDocument } from '../../../agents/compute/testing.ts'
import { memoryWorld, stored, type MemoryWorld } from '../../testing/memory-deps.ts'
import { findGivenAction, recallGiven } from './given.ts'
import { reconcileInstanceAction } from './reconcile.ts'

type Spec = InstanceAction['spec']
type Status = NonNullable<InstanceAction['status']>
const START = '2026-01-01T00:00:00Z'
let world: MemoryWorld
let machine: Instance

const putMachine = (spec: Partial<Instance['spec']> = {}, status: Instance['status'] = {}, more: object = {}) =>
  world.put(
    'instances',
    stored<Instance>(
      'vm',
      { flavorRef: { name: 'f' }, imageRef: { name: 'i' }, ...spec },
      { status: { state: 'ACTIVE', node: 'n1', epoch: 3, ...status }, ...more },
    ),
  )
const action = (name = 'again', spec: Partial<Spec> = {}, status?: Status): InstanceAction => {
  const made = stored<InstanceAction>(
    name,
    { instanceRef: { name: 'vm' }, type: 'Reboot', ...spec },
    status ? { status } : {},
  )
  made.metadata.creationTimestamp = START
  return made
}
const run = (seconds = 0) => ({ ...world.run, now: new Date(Date.parse(START) + seconds * 1000) })
const reconcile = async (of: InstanceAction, seconds = 0) => {
  const outcome = await reconcileInstanceAction(of, world.deps, run(seconds))
  world.put('instanceActions', of)
  return outcome
}
const says = (of: InstanceAction, said: Partial<ObservedAction>, more: object = {}) =>
  world.report('instance', machine, {
    ...{ node: 'n1', state: 'running', epoch: 3, ...more },
    facts: { action: { uid: of.metadata.uid, steps: [], ...said } },
  })
async function given(name?: string, spec?: Partial<Spec>): Promise<InstanceAction> {
  const made = action(name, spec)
  await reconcile(made)
  expect(made.status?.state).toBe('Running')
  return made
}
const read = (of: InstanceAction) => world.stores.instanceActions.find('ns', of.metadata.name)

/** Others beat on: the silence of one is its own. */
const silence = () => {
  const others = Array.from({ length: 9 }, (_, i) => `other-${i}`)
  world.bus.heartbeats.expect(['n1', ...others])
  world.clock.ms += 600_000
  for (const name of others) world.bus.heartbeats.beat(name, 'boot')
  world.bus.heartbeats.tick()
}

beforeEach(() => {
  world = memoryWorld()
  machine = putMachine()
})

test('it is written as Running before the machine’s document says it, and has an end that stays', async () => {
  const made = action()
  expect(findGivenAction(machine, world.deps)).toBeUndefined()
  expect(await reconcile(made)).toEqual({ kind: 'saved' })
  expect(made.status).toEqual({
    ...{ state: 'Running', startTime: '2026-01-01T00:00:00.000Z', node: 'n1', epoch: 3 },
    instanceUID: machine.metadata.uid,
  })
  expect(findGivenAction(machine, world.deps)).toEqual({
    ...{ uid: made.metadata.uid, type: 'SoftReboot', notAfter: '2026-01-01T00:12:00.000Z' },
  })
  expect(await reconcile(made)).toMatchObject({ reason: 'ActionRunning', message: 'waiting for node n1 to begin' })
  const steps = [{ name: 'ShutdownAsked', time: START }]
  says(made, { steps })
  expect(await reconcile(made)).toMatchObject({ message: 'node n1 is at it, after ShutdownAsked' })
  says(made, { steps, result: 'Succeeded' })
  expect(await reconcile(made, 5)).toEqual({ kind: 'done', retryAfterMs: 604_800_000 })
  expect(made.status).toMatchObject({ state: 'Succeeded', completionTime: '2026-01-01T00:00:05Z', steps })
  expect(findGivenAction(machine, world.deps)).toBeUndefined()
  expect(world.events).toEqual(['Succeeded'])
  world.drop('instances', machine)
  await reconcile(made, 6)
  expect(made.status?.state).toBe('Succeeded')
})

test.each<[Partial<Spec>, object]>([
  [
    { reboot: { type: 'Soft', softTimeoutSeconds: 30 } },
    { type: 'SoftReboot', softTimeoutSeconds: 30, notAfter: '2026-01-01T00:10:30.000Z' },
  ],
  [{ reboot: { type: 'Hard' } }, { type: 'HardReboot' }],
  [
    { type: 'Reset', activeDeadlineSeconds: 90 },
    { type: 'Reset', notAfter: '2026-01-01T00:01:30.000Z' },
  ],
  [{ type: 'Reset' }, { type: 'Reset' }],
  [{ type: 'CrashDump' }, { type: 'CrashDump' }],
])('%j', async (spec, document) => {
  const made = await given('x', spec)
  const uid = made.metadata.uid
  expect(findGivenAction(machine, world.deps)).toEqual({ uid, notAfter: '2026-01-01T00:10:00.000Z', ...document })
})

describe('a locked machine', () => {
  test.each<[Partial<Spec>, string | undefined]>([
    [{ type: 'Reset' }, 'InstanceLocked'],
    [{ reboot: { type: 'Hard' } }, 'InstanceLocked'],
    [{ type: 'Reset', ignoreLock: false }, 'InstanceLocked'],
    [{ type: 'Reset', ignoreLock: true }, undefined],
    [{ type: 'Snapshot' }, undefined],
  ])('%j: %s', async (spec, reason) => {
    machine = putMachine({ locked: true })
    const made = action('x', spec)
    world.put('instanceActions', made)
    const outcome = await reconcile(made)
    const isRefused = made.status?.state === 'Failed'
    expect({ isRefused, reason: isRefused && 'reason' in outcome ? outcome.reason : undefined }).toEqual({
      ...{ isRefused: reason !== undefined, reason },
    })
  })
})

describe('one at a time', () => {
  test('the others wait, say for what, and go on in the order in which they were made', async () => {
    const [first, second, third] = [action('a'), action('b', { type: 'Reset' }), action('c')]
    second.metadata.creationTimestamp = '2026-01-01T00:00:01Z'
    third.metadata.creationTimestamp = '2026-01-01T00:00:02Z'
    for (const one of [first, second, third]) world.put('instanceActions', one)
    expect(await reconcile(third)).toMatchObject({
      reason: 'ActionInProgress',
      message: expect.stringContaining('InstanceAction a (Reboot, Pending)'),
    })
    await reconcile(first)
    expect(await reconcile(second)).toMatchObject({
      message: expect.stringContaining('InstanceAction a (Reboot, Running)'),
    })
    says(first, { result: 'Succeeded' })
    await reconcile(first)
    await reconcile(second)
    expect([second.status?.state, (await reconcile(third)).kind, third.status?.state]).toEqual([
      'Running',
      'wait',
      'Pending',
    ])
  })
  test('actions of other machines, and those that are over, hold up nothing', async () => {
    world.put('instanceActions', action('over', {}, { state: 'Failed' }))
    world.put('instanceActions', action('elsewhere', { instanceRef: { name: 'other' } }, { state: 'Running' }))
    await given()
  })
  test('of two that were given all the same the document has the first, until its end', async () => {
    const early = action('z', {}, { ...(await given('a')).status, startTime: '2025-12-31T23:59:59.000Z' })
    world.put('instanceActions', early)
    expect(findGivenAction(machine, world.deps)?.uid).toBe(early.metadata.uid)
    early.status = { ...early.status, state: 'Succeeded' }
    world.put('instanceActions', early)
    expect(findGivenAction(machine, world.deps)?.uid).toBe('uid-a')
  })
})

describe('a ResetState', () => {
  const reset = { type: 'ResetState' } as const
  const answers = (of: InstanceAction, status: Instance['status'] = {}) =>
    (machine = putMachine({}, { resetByUID: of.metadata.uid, ...status }))

  test('is done when the status was found anew and the node has forgotten what failed', async () => {
    const made = await given('x', reset)
    expect(findGivenAction(machine, world.deps)).toMatchObject({ type: 'ResetState' })
    says(made, { result: 'Succeeded' })
    expect(await reconcile(made)).toMatchObject({ kind: 'wait', message: 'waiting for the operator' })
    answers(made)
    says(made, {})
    expect(await reconcile(made)).toMatchObject({ kind: 'wait', message: 'waiting for node n1' })
    says(made, { steps: [{ name: 'StateReset', time: START }], result: 'Succeeded' })
    await reconcile(made)
    expect([made.status?.state, made.status?.steps?.[0]?.name]).toEqual(['Succeeded', 'StateReset'])
  })
  test.each<[string, Instance['status']]>([
    ['failed', { state: 'ERROR' }],
    ['is off', { state: 'SHUTOFF' }],
    ['is being made', { state: 'BUILD' }],
  ])('of a machine that %s is begun', async (_, status) => {
    putMachine({ runState: 'Stopped' }, status)
    await given('x', reset)
  })
  test('of one without a node is the operator’s alone; of one on a silent node, too, which is said', async () => {
    const unplaced = (more: Instance['status'] = {}) => {
      delete machine.status?.node
      machine.status = { ...machine.status, state: 'BUILD', ...more }
      world.put('instances', machine)
    }
    unplaced()
    const lone = await given('a', reset)
    expect(lone.status?.node).toBeUndefined()
    unplaced({ resetByUID: lone.metadata.uid })
    await reconcile(lone)
    expect(lone.status?.state).toBe('Succeeded')
    putMachine()
    silence()
    const cut = await given('b', reset)
    answers(cut)
    const notes: (string | undefined)[] = []
    await reconcileInstanceAction(cut, world.deps, { ...run(), event: ({ note }) => void notes.push(note) })
    expect([cut.status?.state, ...notes]).toEqual([
      ...['Succeeded', 'ResetState of Instance vm: done, but for what node n1 remembers, which was silent'],
    ])
  })
  test('waits for none, ends what has begun, and what is next waits for it', async () => {
    const stuck = await given('stuck')
    says(stuck, { steps: [{ name: 'ShutdownAsked', time: START }] })
    const waiting = action('waiting', { type: 'Reset' })
    world.put('instanceActions', waiting)
    const made = await given('x', reset)
    const message = 'InstanceAction x (ResetState) gave it up, after ShutdownAsked: it may have been done'
    expect(await reconcile(stuck)).toMatchObject({ reason: 'OutcomeUnknown', message })
    expect(findGivenAction(machine, world.deps)).toMatchObject({ type: 'ResetState' })
    expect(await reconcile(waiting)).toMatchObject({ reason: 'ActionInProgress' })
    const later = action('later', reset)
    expect(await reconcile(later)).toMatchObject({ message: expect.stringContaining('InstanceAction x (ResetState') })
    world.drop('instanceActions', later)
    answers(made)
    says(made, { result: 'Succeeded' })
    await reconcile(made)
    await reconcile(waiting)
    expect(waiting.status?.state).toBe('Running')
  })
  test.each<[string, (of: InstanceAction) => void, string]>([
    ['gone', () => world.drop('instances', machine), 'InstanceNotFound'],
    ['being deleted', () => putMachine({}, {}, { deleted: true }), 'InstanceDeleting'],
  ])('of a machine that is %s meanwhile has nothing to do', async (_, happens, reason) => {
    const made = await given('x', reset)
    happens(made)
    expect(await reconcile(made)).toMatchObject({ reason })
    expect(made.status?.state).toBe('Failed')
  })
  test('of one that has left its node is done; of one whose node says nothing it ends in time', async () => {
    const made = await given('x', reset)
    answers(made)
    expect(await reconcile(made, 600)).toMatchObject({ reason: 'OutcomeUnknown' })
    const again = await given('y', reset)
    answers(again, { node: 'n2', epoch: 4 })
    await reconcile(again)
    expect(again.status?.state).toBe('Succeeded')
  })
})

describe('before it begins', () => {
  test.each<[string, Partial<Instance['spec']>, Instance['status'], Partial<Spec>, string]>([
    ['is to be off', { runState: 'Stopped' }, { state: 'SHUTOFF' }, {}, 'InstanceNotRunning'],
    [
      'is to be paused',
      { runState: 'Paused' },
      { state: 'PAUSED' },
      { reboot: { type: 'Hard' } },
      'InstanceNotRunning',
    ],
    ['has ended by itself', {}, { state: 'SHUTOFF' }, {}, 'InstanceNotRunning'],
    ['has crashed', {}, { state: 'ERROR' }, { type: 'Reset' }, 'InstanceNotRunning'],
  ])('a machine that %s is refused at once', async (_, spec, status, of, reason) => {
    putMachine(spec, status)
    const made = action('x', of)
    expect(await reconcile(made)).toMatchObject({ reason })
    expect(made.status?.state).toBe('Failed')
  })
  test('a hard reboot starts one that has ended by itself', async () => {
    putMachine({}, { state: 'SHUTOFF' })
    await given('x', { reboot: { type: 'Hard' } })
  })
  test.each<[string, () => void, string]>([
    ['is not there', () => world.drop('instances', machine), 'InstanceNotFound'],
    ['is being deleted', () => putMachine({}, {}, { deleted: true }), 'InstanceDeleting'],
    ['is being made', () => putMachine({}, { state: 'BUILD' }), 'InstanceNotReady'],
    ['is on a silent node', () => silence(), 'NodeSilent'],
  ])('a machine that %s is waited for, but not for long', async (_, happens, reason) => {
    happens()
    const made = action()
    expect(await reconcile(made, 10)).toMatchObject({ reason, retryAfterMs: 50_000 })
    expect(made.status?.state).toBe('Pending')
    expect(await reconcile(made, 60)).toMatchObject({ reason })
    expect(made.status?.state).toBe('Failed')
  })
  test('who had to wait for another one has as long from then on', async () => {
    putMachine({}, { state: 'BUILD' })
    world.put('instanceActions', action('a', {}, { state: 'Succeeded', completionTime: '2026-01-01T00:05:00Z' }))
    expect(await reconcile(action(), 310)).toMatchObject({ reason: 'InstanceNotReady', retryAfterMs: 50_000 })
  })
  test('it can be given up, and later no more', async () => {
    const early = action('x', { cancel: true })
    await reconcile(early)
    expect(early.status?.state).toBe('Cancelled')
    const late = await given('y')
    late.spec.cancel = true
    await reconcile(late)
    expect(late.status?.state).toBe('Running')
  })
})

describe('its end', () => {
  test.each<[Partial<ObservedAction>, string]>([
    [{ result: 'Failed', reason: 'StartFailed', message: 'no' }, 'StartFailed'],
    [{ result: 'Unknown', message: 'interrupted' }, 'OutcomeUnknown'],
    [{ result: 'Failed' }, 'Failed'],
  ])('%j', async (said, reason) => {
    const made = await given()
    says(made, said)
    expect(await reconcile(made)).toMatchObject({ reason })
    expect(made.status?.state).toBe('Failed')
    expect(world.events).toEqual(['Failed'])
  })
  test.each<[string, () => void, string]>([
    ['gone', () => world.drop('instances', machine), 'the machine is gone'],
    ['another one of its name', () => putMachine({}, {}, { uid: 'other' }), 'the machine is gone'],
    ['being deleted', () => putMachine({}, {}, { deleted: true }), 'the machine is being deleted'],
    ['on another node', () => putMachine({}, { node: 'n2', epoch: 4 }), 'the machine has left node n1'],
    ['there once more', () => putMachine({}, { epoch: 4 }), 'the machine has left node n1'],
  ])('a machine that is %s meanwhile leaves it unknown, unless its node has said more', async (_, happens, message) => {
    const [lost, told] = [await given(), await given('told', { instanceRef: { name: 'vm' } }).catch(() => undefined)]
    expect(told).toBeUndefined()
    happens()
    expect(await reconcile(lost)).toMatchObject({ reason: 'OutcomeUnknown', message: expect.stringContaining(message) })
    const again = action('again2', {}, { ...lost.status, state: 'Running' })
    says(again, { result: 'Succeeded' })
    await reconcile(again)
    expect(again.status?.state).toBe('Succeeded')
  })
  test('what a node says of another action, or another node of this one, is not taken for its end', async () => {
    const made = await given()
    says(action('other'), { result: 'Succeeded' })
    await reconcile(made)
    says(made, { result: 'Succeeded' }, { node: 'n2' })
    await reconcile(made)
    expect(made.status?.state).toBe('Running')
  })
  describe('of one whose node says nothing of it', () => {
    test.each<[string, () => void, string]>([
      ['is away', silence, 'NodeSilent'],
      ['is there', () => undefined, 'ActionRunning'],
    ])('that %s: it is waited for, but not for long', async (_, happens, reason) => {
      const made = await given('x', { reboot: { type: 'Hard' } })
      happens()
      expect(await reconcile(made, 599)).toMatchObject({ reason, retryAfterMs: 1000 })
      expect(made.status?.state).toBe('Running')
      expect(await reconcile(made, 600)).toMatchObject({ reason: 'OutcomeUnknown' })
      expect(made.status?.state).toBe('Failed')
      expect(findGivenAction(machine, world.deps)).toBeUndefined()
    })
    test('what it has done is known by its steps', async () => {
      const made = await given('x', { activeDeadlineSeconds: 60 })
      says(made, { steps: [{ name: 'PoweredOff', time: START }] })
      const message = 'has not said within 60 s what came of it, after PoweredOff'
      expect(await reconcile(made, 60)).toMatchObject({ message: expect.stringContaining(message) })
    })
    test('the next is not held up any longer', async () => {
      const first = await given('a', { activeDeadlineSeconds: 60 })
      const second = action('b')
      second.metadata.creationTimestamp = '2026-01-01T00:00:01Z'
      expect(await reconcile(second, 59)).toMatchObject({ reason: 'ActionInProgress' })
      await reconcile(first, 60)
      await reconcile(second, 60)
      expect(second.status?.state).toBe('Running')
    })
  })
})

test('it goes when its time is over', async () => {
  const made = action('x', { ttlSecondsAfterFinished: 60 }, { state: 'Failed', completionTime: START })
  world.put('instanceActions', made)
  await reconcile(made, 59)
  expect(read(made)).toBeDefined()
  await reconcileInstanceAction(made, world.deps, run(60))
  expect(read(made)).toBeUndefined()
})

describe('a password', () => {
  const privateKey = createSealingKey()
  const spec: Partial<Spec> = {
    ...{ type: 'SetAdminPassword' },
    setAdminPassword: { userName: 'ada', passwordSecretRef: { name: 'pw' } },
  }
  const of = (text: string) => Buffer.from(text).toString('base64')
  let secret: Secret | Error | undefined
  beforeEach(() => {
    world.put(
      'computeNodes',
      stored<ComputeNode>('n1', {}, { namespace: '', status: { sealingKey: sealingKeyOf(privateKey) } }),
    )
    secret = {
      metadata: { name: 'pw', labels: { [ADMIN_PASSWORD_LABEL]: 'true' } },
      data: { password: of('s3cret pass') },
    } as unknown as Secret
    const find = async () => {
      if (secret instanceof Error) throw secret
      return secret
    }
    Object.assign(world.run.client, { find })
  })
  const opened = (given: MachineAction | undefined, { metadata }: InstanceAction) =>
    unseal(given?.sealedPassword ?? '', privateKey, {
      node: 'n1',
      uid: machine.metadata.uid,
      ...passwordUse(metadata.uid),
    })

  test('is read once, sealed for the machine’s node alone, and stands nowhere in clear', async () => {
    const made = await given('x', spec)
    secret = undefined
    const document = findGivenAction(machine, world.deps)
    expect(document).toMatchObject({ uid: made.metadata.uid, type: 'SetAdminPassword', userName: 'ada' })
    expect(opened(document, made)).toBe('s3cret pass')
    await reconcile(made)
    expect(findGivenAction(machine, world.deps)).toEqual(document)
    says(made, { steps: [{ name: 'PasswordSet', time: START }], result: 'Succeeded' })
    await reconcile(made)
    expect(made.status?.state).toBe('Succeeded')
    expect(world.deps.adminPasswords.find(made.metadata.uid, 'n1')).toBeUndefined()
    expect(JSON.stringify([made, document, world.events])).not.toMatch(/s3cret|czNjcmV0/)
  })

  test.each<[string, () => void, string]>([
    ['there is no Secret', () => (secret = undefined), 'SecretNotFound'],
    ['it has no such key', () => Object.assign(secret!, { data: {} }), 'SecretNotFound'],
    ['its namespace lets nobody read', () => (secret = new ApiError('get', 403, {})), 'SecretNotPermitted'],
    ['it is not marked', () => Object.assign(secret!, { metadata: { name: 'pw' } }), 'SecretNotAdminPassword'],
    [
      'it ends in a line break',
      () => Object.assign(secret!, { data: { password: of('s3cret\n') } }),
      'AdminPasswordInvalid',
    ],
    ['it is empty', () => Object.assign(secret!, { data: { password: '' } }), 'AdminPasswordInvalid'],
    [
      'it is too long',
      () => Object.assign(secret!, { data: { password: of('s3cret'.repeat(22)) } }),
      'AdminPasswordInvalid',
    ],
    [
      'the node has no key',
      () => world.put('computeNodes', stored<ComputeNode>('n1', {}, { namespace: '' })),
      'SealingKeyMissing',
    ],
  ])('%s: that is waited for, but not for long', async (_, happens, reason) => {
    happens()
    const made = action('x', spec)
    const waits = await reconcile(made, 10)
    expect(waits).toMatchObject({ reason, message: expect.not.stringContaining('s3cret') })
    expect(await reconcile(made, 60)).toMatchObject({ reason })
    expect(made.status?.state).toBe('Failed')
  })

  describe('an operator that has just begun', () => {
    const begins = (made: InstanceAction) => world.deps.adminPasswords.forget(made.metadata.uid)
    test('takes what is sealed from the document that the bus has', async () => {
      const made = await given('x', spec)
      const before = findGivenAction(machine, world.deps)
      world.bus.desired.read = async () => ({ ...instanceDocument({ action: before! }), node: 'n1' })
      begins(made)
      secret = undefined
      await recallGiven(machine, world.deps)
      expect(findGivenAction(machine, world.deps)).toEqual(before)
      begins(made)
      expect(await reconcile(made)).toMatchObject({ reason: 'ActionRunning' })
    })
    test('reads it again where the bus has lost it, and wakes the machine', async () => {
      const made = await given('x', spec)
      begins(made)
      expect(findGivenAction(machine, world.deps)).toBeUndefined()
      const woken: string[] = []
      world.deps.adminPasswords.onChange((key) => woken.push(key))
      await reconcile(made)
      expect(woken).toEqual(['ns/vm'])
      expect(opened(findGivenAction(machine, world.deps), made)).toBe('s3cret pass')
    })
    test('that can read it nowhere says for a minute what it lacks, and then that nobody knows', async () => {
      const made = await given('x', spec)
      begins(made)
      secret = undefined
      expect(await reconcile(made, 10)).toMatchObject({ reason: 'SecretNotFound', retryAfterMs: 10_000 })
      expect(await reconcile(made, 60)).toMatchObject({ reason: 'OutcomeUnknown' })
    })
  })
})
