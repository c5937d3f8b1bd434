// SPDX-License-Identifier: Apache-2.0
// The seventeen steps of docs/provisioning-flow.md, in their order, as conditions, documents and notifications show them.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { readFile } from 'node:fs/promises'
import { changeOf } from '../../lib/change-id.ts'
import { findCondition } from '../../lib/conditions.ts'
import { IP_CLAIM, KEY_PAIR, PORT, VOLUME } from '../../lib/api/kinds.ts'
import type { Instance, IPClaim, Port, Volume } from '../../lib/api/types.ts'
import { pathIn } from '../../local/node/node.ts'
import { recordBus, type BusRecorder, type Recorded } from '../harness/bus-recorder.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForReady, waitUntilTrue } from '../harness/wait.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGzyPzkEyXmvXvDo8k5UOwJl2WmPWlnDZBnYxYhW5sIh flow'

let project: Project
let bus: BusRecorder
let instance: Instance
let port: Port
beforeAll(async () => {
  project = await Project.create('flow')
  await project.createNetwork('net', '10.50.0.0/24')
  await project.create(KEY_PAIR, draft.keyPair(project.at('key'), KEY))
  await project.createVolume('data')
  await waitForReady<Volume>(project.test.client, VOLUME, project.at('data'))
  bus = await recordBus(project.test)
}, 180_000)
afterAll(async () => {
  await bus.close()
  await project.destroy()
}, 120_000)

/** The first message of a kind about an object that is as told. */
function first(
  direction: 'desired' | 'observed',
  kind: string,
  uid: string,
  is: (m: Recorded) => boolean = () => true,
) {
  return bus.messages.find(
    (m) => m.subject.startsWith(`$KV.${direction}.`) && m.subject.endsWith(`.${kind}.${uid}`) && is(m),
  )
}

const notification = (type: string) =>
  bus.messages.find(
    (m) =>
      m.subject.startsWith('events.') && m.value?.['eventType'] === type && m.value['uid'] === instance.metadata.uid,
  )

test('1-6: apply stores a validated object, and the operator wakes', async () => {
  instance = await project.createInstance('box', {
    keyPairRef: { name: 'key' },
    networks: [{ networkRef: { name: 'net' } }],
    volumes: [{ volumeRef: { name: 'data' } }],
    userData: '#!/bin/sh\necho "MARK user-data 1.0 ran"\n',
  })
  expect(instance.metadata.generation).toBe(1)
  expect(instance.status?.node).toBeUndefined()
  instance = await project.waitActive('box')
  expect(findCondition(instance.status?.conditions, 'Admitted')?.status).toBe('True')
}, 120_000)

test('7-8: a host is chosen, explained, and told', () => {
  const { status, metadata } = instance
  expect(findCondition(status?.conditions, 'Scheduled')?.status).toBe('True')
  expect(status).toMatchObject({ epoch: 1, scheduling: { node: status?.node } })
  const document = first('desired', 'instance', metadata.uid)
  expect(document?.subject).toContain(`.${status?.node ?? ''}.`)
})

test('9: the document is complete: the agent reads nothing else', () => {
  const document = first('desired', 'instance', instance.metadata.uid)?.value
  expect(document).toMatchObject({
    tombstone: false,
    versions: { epoch: 1, generation: 1 },
    spec: {
      hostname: 'box',
      vcpus: 1,
      memoryMiB: 256,
      image: { sha256: project.test.guestImage.sha256 },
      publicKeys: [{ key: expect.stringContaining('ssh-ed25519') }],
    },
  })
})

test('10: the port has MAC and address before the host knows of it, claimed for it alone', async () => {
  const { client } = project.test
  const ports = await client.list<Port>(PORT, { namespace: project.namespace })
  port = ports[0] as Port
  expect(ports).toHaveLength(1)
  const address = port.spec.fixedIPs?.[0]?.ipAddress
  expect(instance.status?.addresses?.[0]).toMatchObject({ ipAddress: address, macAddress: port.spec.macAddress })
  const claims = await client.list<IPClaim>(IP_CLAIM, { namespace: project.namespace })
  expect(claims.flatMap((c) => c.spec.claims)).toMatchObject([{ address, portRef: { name: port.metadata.name } }])
  expect(findCondition(instance.status?.conditions, 'NetworkAttached')?.status).toBe('True')
})

test('11: the volume is exported to the chosen host alone, and attached', async () => {
  const volume = await project.test.client.get<Volume>(VOLUME, project.at('data'))
  expect(volume.status).toMatchObject({ state: 'in-use', attachedTo: { name: 'box', node: instance.status?.node } })
  const exported = first('desired', 'volume', volume.metadata.uid, (m) =>
    JSON.stringify(m.value).includes(instance.status?.node ?? ''),
  )
  expect(exported).toBeDefined()
  expect(findCondition(instance.status?.conditions, 'VolumesAttached')?.status).toBe('True')
})

test('12-14: the image came to the node by its digest', () => {
  expect(findCondition(instance.status?.conditions, 'ImageCached')?.status).toBe('True')
})

test('15-16: the machine was started once all was there, and the node said so', async () => {
  const uid = instance.metadata.uid
  const told = first('desired', 'instance', uid)
  // The recorder hears of it by itself, perhaps after the operator.
  const running = await waitUntilTrue('running', () =>
    first('observed', 'instance', uid, (m) => m.value?.['state'] === 'running'),
  )
  await waitUntilTrue('plugged', () =>
    first('observed', 'port', port.metadata.uid, (m) => m.value?.['state'] === 'active'),
  )
  expect(told?.timeMs).toBeLessThan(running.timeMs)
  expect(findCondition(instance.status?.conditions, 'Booted')?.status).toBe('True')
  expect(instance.status?.state).toBe('ACTIVE')
})

test('17: whoever listens was told of the start and the end', async () => {
  const end = await waitUntilTrue('instance.create.end', () => notification('instance.create.end'))
  expect(notification('instance.create.start')?.timeMs).toBeLessThan(end.timeMs)
  expect(end.timeMs).toBeGreaterThan(first('observed', 'instance', instance.metadata.uid)?.timeMs ?? Infinity)
})

test('the guest has its key, name and user data from the metadata service', async () => {
  const marks = await project.waitForMark('box', 'user-data')
  const meta = marks.find((m) => m.what === 'meta')?.rest
  expect(meta).toMatch(/^http /)
  expect(meta).toContain('"hostname":"box"')
  expect(meta).toContain(KEY.split(' ')[1])
}, 60_000)

test('one word leads through all logs: from the operator to the node and back', async () => {
  const { metadata, status } = instance
  const change = JSON.stringify({ change: changeOf(metadata) }).slice(1, -1)
  const { cloud } = project.test
  const lines = async (path: string) =>
    (await readFile(path, 'utf8')).split('\n').filter((line) => line.includes(change))
  const node = cloud.node(status?.node ?? '')
  await waitUntilTrue('both have said so', async () => {
    const [operator, agent] = [
      await lines(cloud.layout.log('operator')),
      await lines(pathIn(node, '/var/log/nephele-node/agent.log')),
    ]
    return (
      operator.some((line) => line.includes('"msg":"ready"')) && agent.some((line) => line.includes('power changed'))
    )
  })
}, 60_000)
