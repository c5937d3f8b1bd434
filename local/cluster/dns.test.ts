// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { KubeReader } from '../../lib/kube/client.ts'
import { buildAnswer, parseQuery, resolveName } from './dns.ts'

/** `dig nats.system.svc.cluster.local`, by hand after RFC 1035 section 4. */
function query(name: string, type = 1): Buffer {
  const labels = name.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)])
  const header = Buffer.from([0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0])
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, type, 0, 1])])
}

test('reads a question and answers it with its own words', () => {
  const question = parseQuery(query('Nats.system.svc.cluster.local'))
  expect(question).toMatchObject({ id: 0x1234, type: 1, labels: ['nats', 'system', 'svc', 'cluster', 'local'] })
  if (!question) throw new Error('no question')
  const answer = buildAnswer(question, 0, ['10.96.0.7'])
  expect(answer.subarray(0, 12).toString('hex')).toBe('123485000001000100000000')
  expect(answer.subarray(12, -16).equals(query('Nats.system.svc.cluster.local').subarray(12))).toBe(true)
  expect(answer.subarray(-16).toString('hex')).toBe('c00c0001000100000005' + '00040a600007')
})

test.each([
  ['nothing', Buffer.alloc(0)],
  ['a header alone', query('a').subarray(0, 12)],
  ['a label that is longer than the packet', query('abc').subarray(0, 14)],
  [
    'a compressed name, which no question has',
    Buffer.concat([query('a').subarray(0, 12), Buffer.from([0xc0, 0x0c, 0, 1, 0, 1])]),
  ],
  ['an answer', Buffer.concat([Buffer.from([0, 0, 0x85]), query('a').subarray(3)])],
])('%s is no question', (_, packet) => {
  expect(parseQuery(packet)).toBeUndefined()
})

const objects: Record<string, object> = {
  'system/nats': { spec: { clusterIP: '10.96.0.7' } },
  'system/members': { spec: { clusterIP: 'None', publishNotReadyAddresses: true } },
  'system/ready-ones': { spec: { clusterIP: 'None' } },
}
const endpoints = [
  { addresses: ['10.244.1.2'], hostname: 'nats-0', conditions: { ready: true } },
  { addresses: ['10.244.2.2'], hostname: 'nats-1', conditions: { ready: false } },
]
const reader = {
  find: async (_: unknown, ref: { namespace?: string; name: string }) => objects[`${ref.namespace}/${ref.name}`],
  list: async () => [{ endpoints }],
} as unknown as KubeReader

test.each([
  ['nats.system.svc.cluster.local', ['10.96.0.7']],
  ['members.system.svc.cluster.local', ['10.244.1.2', '10.244.2.2']],
  ['nats-1.members.system.svc.cluster.local', ['10.244.2.2']],
  ['ready-ones.system.svc.cluster.local', ['10.244.1.2']],
  ['nats-1.ready-ones.system.svc.cluster.local', undefined],
  ['nats-0.nats.system.svc.cluster.local', undefined],
  ['nats.system.svc.system.svc.cluster.local', undefined],
  ['absent.system.svc.cluster.local', undefined],
  ['..system.svc.cluster.local', undefined],
  ['example.com', undefined],
])('%s', async (name, addresses) => {
  expect(await resolveName(reader, name.split('.'))).toEqual(addresses)
})
