// SPDX-License-Identifier: Apache-2.0
// A machine's document has what its node needs, and nothing that nobody said.
import { expect, test } from '@jest/globals'
import type { Instance, KeyPair, Port } from '../../../lib/api/types.ts'
import type { InstanceDocument } from '../../../lib/contract/documents.ts'
import { machine, parts, SHA } from '../../testing/machine-world.ts'
import { stored } from '../../testing/memory-deps.ts'
import type { ReadyImage } from '../common/machine-image.ts'
import type { Admitted } from './admitted.ts'
import { instanceDocument, keptDocument, type PlacedNode } from './document.ts'

const size = { vcpus: 2, memoryMiB: 256, rootDiskGiB: 3, ephemeralGiB: 4, swapMiB: 5 }
const writer = { incarnation: 7, term: 9 }
const admitted = (more: Partial<Admitted> = {}): Admitted => ({
  now: { size, flavorName: 'small', flavorRequiresKvm: false, extraSpecs: {} },
  image: parts.image({ properties: { os: 'x' } }) as ReadyImage,
  ...{ wish: undefined, keyPair: undefined, serverGroup: undefined, userDataBase64: undefined, requireKvm: false },
  ...more,
})
const vm = (spec: Partial<Instance['spec']> = {}) =>
  machine({ networks: [{ portRef: { name: 'eth' } }], ...spec }, { status: { node: 'c1', epoch: 3 }, generation: 2 })
const port = stored<Port>('eth', { networkRef: { name: 'lan' } })
const volume = {
  ...{ uid: 'v', name: 'data' },
  connection: { protocol: 'file' as const, path: '/v', format: 'raw' as const },
}
const nothing: PlacedNode = { bootId: undefined, zone: undefined }
const document = (spec: Partial<Instance['spec']>, of: Admitted, facts = nothing): InstanceDocument =>
  instanceDocument(vm(spec), { admitted: of, ports: [port], volumes: [volume] }, facts, writer)

test('of a machine that asks for the least', () => {
  const { spec, ...head } = document({}, admitted())
  expect(head).toMatchObject({
    ...{ kind: 'instance', tombstone: false, uid: 'uid-vm', name: 'vm', namespace: 'ns', node: 'c1' },
    versions: { incarnation: 7, term: 9, epoch: 3, generation: 2 },
  })
  expect(head).not.toHaveProperty('grantedBootId')
  expect(spec).toStrictEqual({
    ...{ hostname: 'vm', project: 'ns', runState: 'Running', restartPolicy: 'OnFailure', offlineRestart: true },
    ...size,
    requireKvm: false,
    image: { uid: 'uid-guest', sha256: SHA, format: 'qcow2', properties: { os: 'x' } },
    ports: [{ uid: 'uid-eth', name: 'eth', networkName: 'lan', slot: 0 }],
    ...{ volumes: [volume], configDrive: false, publicKeys: [], metadata: {} },
  })
})

test('of one that asks for all', () => {
  const keyPair = stored<KeyPair>('me', { publicKey: 'ssh-ed25519 AAAA me' })
  const asked = { runState: 'Paused', restartPolicy: 'Always', evacuation: 'WhenFenced', configDrive: true } as const
  const of = admitted({ keyPair, userDataBase64: 'aQ==', requireKvm: true })
  const { spec, ...head } = document({ ...asked, metadata: { a: 'b' } }, of, { bootId: 'boot-1', zone: 'z' })
  expect(head.grantedBootId).toBe('boot-1')
  expect(spec).toMatchObject({
    ...{ runState: 'Paused', restartPolicy: 'Always', offlineRestart: false, requireKvm: true, configDrive: true },
    ...{ userDataBase64: 'aQ==', metadata: { a: 'b' }, availabilityZone: 'z' },
    publicKeys: [{ name: 'me', key: expect.stringMatching(/^ssh-ed25519 AAAA/) }],
  })
})

test.each<[Instance['spec']['evacuation'], Instance['spec']['restartPolicy'], boolean]>([
  [undefined, undefined, true],
  ['Never', 'OnFailure', true],
  ['Never', 'Always', true],
  ['Never', 'Never', false],
  ['WhenFenced', 'OnFailure', false],
])('evacuation %s and restartPolicy %s: started after a reboot without a grant: %s', (evacuation, policy, expected) => {
  const spec = { ...(evacuation ? { evacuation } : {}), ...(policy ? { restartPolicy: policy } : {}) }
  expect(document(spec, admitted()).spec.offlineRestart).toBe(expected)
})

test('what the machine was given stays, but for its power, its metadata, its volumes, interfaces that are asked for no more, and the grant', () => {
  const given = document({ metadata: { a: 'b' }, configDrive: true }, admitted({ userDataBase64: 'aQ==' }), {
    bootId: 'b1',
    zone: 'z',
  })
  const now = { ...vm({ runState: 'Stopped', configDrive: false, metadata: { c: 'd' } }) }
  now.metadata.generation = 5
  const kept = keptDocument(now, given, [], { bootId: 'b2', zone: 'other' }, { incarnation: 7, term: 10 })
  expect(kept).toMatchObject({ grantedBootId: 'b2', versions: { term: 10, epoch: 3, generation: 5 } })
  expect(kept.spec).toEqual({ ...given.spec, runState: 'Stopped', metadata: { c: 'd' }, volumes: [] })
  now.spec.networks = [{ portRef: { name: 'other' } }]
  expect(keptDocument(now, given, [], nothing, writer).spec.ports).toEqual([])
  expect(keptDocument(now, given, [], nothing, writer)).not.toHaveProperty('grantedBootId')
  delete now.spec.metadata
  expect(keptDocument(now, given, [volume], nothing, writer).spec).toMatchObject({ metadata: {}, volumes: [volume] })
})
