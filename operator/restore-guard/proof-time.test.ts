// SPDX-License-Identifier: Apache-2.0
// A suspicion has to stand for its time, from when it began; and what is remembered so that it is none has an end.
import { expect, test } from '@jest/globals'
import type { ComputeNode, Instance, Port } from '../../lib/api/types.ts'
import type { DesiredDocument } from '../../lib/contract/documents.ts'
import { toDocumentKey } from '../../lib/contract/subjects.ts'
import type { KubeObject, ObjectRef, ResourceKind } from '../../lib/kube/object.ts'
import { memoryWorld, stored, type MemoryWorld } from '../testing/memory-deps.ts'
import { tombstoneOf } from '../placed/document-header.ts'

const writer = { incarnation: 1, term: 1 }
const SPEC: Instance['spec'] = { flavorRef: { name: 'f' }, imageRef: { name: 'i' } }
const machine = (name = 'vm', node = 'c1') => stored<Instance>(name, SPEC, { status: { node, epoch: 1 } })
const prove = async (w: MemoryWorld): Promise<boolean> => {
  await w.deps.regression.prove(writer, async (kind: ResourceKind, ref: ObjectRef) => w.run.client.find(kind, ref))
  return w.deps.regression.findMessage(writer) !== undefined
}
function hand(w: MemoryWorld, object: KubeObject, generation: number, epoch = 1): void {
  const document = { ...tombstoneOf('instance', object, 'c1', epoch, writer), tombstone: false }
  document.versions = { ...document.versions, generation }
  w.bus.desired.documents.set(toDocumentKey(document), document as unknown as DesiredDocument)
}

/** Each begins at 5 s of the clock. */
const SUSPICIONS: [string, (w: MemoryWorld) => void][] = [
  [
    'a document that is newer',
    (w) => {
      hand(w, w.put('instances', machine()), 2)
      w.deps.regression.lookAtAll(writer)
    },
  ],
  [
    'two nodes’ reports',
    (w) => {
      for (const i of [machine('vm', 'c1'), machine('vm2', 'c2')]) {
        const { node = '' } = i.status ?? {}
        w.report('instance', w.put('instances', i), { node, epoch: 7, state: 'running' })
        w.deps.regression.check(i, { kind: 'instance', node, epoch: 1 }, writer)
      }
    },
  ],
  ['a backend’s refusal', (w) => w.deps.regression.backendRefused('term 9')],
]
test.each(SUSPICIONS)('%s is proved ten seconds after it began, and not before', async (_, suspect) => {
  const w = memoryWorld()
  w.clock.ms = 5_000
  suspect(w)
  for (const [ms, isProved] of [
    [5_000, false],
    [14_999, false],
    [15_000, true],
  ] as const) {
    w.clock.ms = ms
    expect(await prove(w)).toBe(isProved)
  }
})

test('a suspicion that is found again has its time from when it was first met', async () => {
  const w = memoryWorld()
  hand(w, w.put('instances', machine()), 2)
  w.deps.regression.lookAtAll(writer)
  w.clock.ms = 9_000
  w.deps.regression.lookAtAll(writer)
  w.clock.ms = 10_000
  expect(await prove(w)).toBe(true)
})

test('of what this leader let go ten thousand are remembered, and then the oldest is not', () => {
  const w = memoryWorld()
  hand(w, machine(), 1)
  w.report('instance', machine(), { node: 'c1', epoch: 1, state: 'running' })
  const isHeld = () => {
    w.deps.regression.lookAtAll(writer)
    return w.deps.regression.isHolding(writer)
  }
  expect(isHeld()).toBe(true)
  w.deps.regression.forget('instance', 'uid-vm')
  for (let n = 1; n < 10_000; n++) w.deps.regression.forget('instance', `u-${n}`)
  expect(isHeld()).toBe(false)
  w.deps.regression.forget('instance', 'one-more')
  expect(isHeld()).toBe(true)
})

test('a user’s port is as far as itself, whatever machine has it', () => {
  const w = memoryWorld()
  w.put('instances', machine())
  const status = { origin: 'User' as const, instance: { name: 'vm', uid: 'uid-vm' }, epoch: 3 }
  const port = w.put('ports', stored<Port>('p', { networkRef: { name: 'n' } }, { status }))
  for (const [epoch, isHeld] of [
    [3, false],
    [4, true],
  ] as const) {
    w.bus.desired.documents.clear()
    const document = tombstoneOf('port', port, 'c1', epoch, writer)
    w.bus.desired.documents.set(toDocumentKey(document), document)
    w.deps.regression.lookAtAll(writer)
    expect(w.deps.regression.isHolding(writer)).toBe(isHeld)
  }
})

test('a newer document is newer on a lost node too; one without a resource proves nothing there', () => {
  for (const [hasResource, isHeld] of [
    [true, true],
    [false, false],
  ] as const) {
    const w = memoryWorld()
    w.put('computeNodes', stored<ComputeNode>('c1', { lost: 'Confirmed' }, { namespace: '' }))
    if (hasResource) w.put('instances', machine())
    hand(w, machine(), 2)
    w.report('instance', machine(), { node: 'c1', epoch: 1, state: 'running' })
    w.deps.regression.lookAtAll(writer)
    expect(w.deps.regression.isHolding(writer)).toBe(isHeld)
  }
})

test.each([
  ['its machine has moved on', 2, false],
  ['its machine has not', 1, true],
])(
  'an automatic port is as far as its machine is in the store, which the cache may not know: %s',
  async (_, epoch, isProved) => {
    const w = memoryWorld()
    w.put('instances', machine())
    const status = { origin: 'Instance' as const, owner: { name: 'vm', uid: 'uid-vm' } }
    const port = w.put('ports', stored<Port>('p', { networkRef: { name: 'n' } }, { status }))
    const document = tombstoneOf('port', port, 'c1', 2, writer)
    w.bus.desired.documents.set(toDocumentKey(document), document)
    w.deps.regression.lookAtAll(writer)
    w.clock.ms = 10_000
    const fresh = stored<Instance>('vm', SPEC, { status: { node: 'c1', epoch } })
    await w.deps.regression.prove(writer, async (_kind, { name }) => (name === 'vm' ? fresh : port))
    expect(w.deps.regression.findMessage(writer) !== undefined).toBe(isProved)
  },
)
