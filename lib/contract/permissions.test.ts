// SPDX-License-Identifier: Apache-2.0
// The whole table, written down once more: a subject that is missing stops a process, one too many opens a door.
import { expect, test } from '@jest/globals'
import {
  agentPermissions,
  consolePermissions,
  operatorPermissions,
  subscriberPermissions,
  systemPermissions,
} from './permissions.ts'

test('an agent: its own keys, beat, consumer and inbox', () => {
  expect(agentPermissions('n1.example.com')).toEqual({
    publish: [
      '$KV.observed.n1_example_com.>',
      '$KV.inventory.n1_example_com',
      'beat.n1_example_com',
      'packets.n1_example_com',
      'nodes.API.CONSUMER.MSG.NEXT.KV_desired.n-n1_example_com',
      'nodes.API.CONSUMER.INFO.KV_desired.n-n1_example_com',
      '$JS.ACK.KV_desired.n-n1_example_com.>',
      'console.from.n1_example_com.*.*',
    ],
    subscribe: ['_INBOX_n1_example_com.>', 'console.to.n1_example_com.*.*'],
  })
  expect(() => agentPermissions('*')).toThrow('cannot be written')
})

test('the operator: its streams, whose consumers it makes, all keys and its notifications', () => {
  const { publish, subscribe, responses } = operatorPermissions()
  const streams = ['KV_desired', 'KV_observed', 'KV_inventory', 'EVENTS', 'SAMPLES']
  const api = ['CREATE', 'UPDATE', 'INFO', 'PURGE'].map((verb) => (s: string) => `$JS.API.STREAM.${verb}.${s}`)
  const each = [
    ...api,
    (s: string) => `$JS.API.CONSUMER.CREATE.${s}.>`,
    (s: string) => `$JS.API.CONSUMER.DELETE.${s}.*`,
    (s: string) => `$JS.API.CONSUMER.INFO.${s}.*`,
    (s: string) => `$JS.API.CONSUMER.NAMES.${s}`,
    (s: string) => `$JS.API.CONSUMER.LIST.${s}`,
    (s: string) => `$JS.API.CONSUMER.MSG.NEXT.${s}.*`,
    (s: string) => `$JS.API.DIRECT.GET.${s}.>`,
    (s: string) => `$JS.ACK.${s}.>`,
    (s: string) => `$JS.FC.${s}.>`,
  ]
  const own = [
    '$KV.desired.>',
    '$KV.observed.>',
    '$KV.inventory.>',
    ...['events._cloud.>', '$JS.API.INFO'],
    ...streams.flatMap((stream) => each.map((subject) => subject(stream))),
  ]
  expect([...publish].sort()).toEqual(own.sort())
  expect(subscribe).toEqual(['_INBOX__operator.>', 'beat.*', 'packets.*'])
  expect(responses).toBeUndefined()
})

test('whoever asks who is connected, and whoever listens, may do nothing else', () => {
  expect(systemPermissions()).toEqual({
    publish: [
      ...['$SYS.REQ.SERVER.PING.CONNZ', '$SYS.REQ.SERVER.*.KICK'],
      ...['$SYS.REQ.SERVER.PING.VARZ', '$SYS.REQ.SERVER.*.RELOAD'],
    ],
    subscribe: ['_INBOX__system.>'],
  })
  expect(subscriberPermissions(undefined)).toEqual({ publish: [], subscribe: ['events._cloud.>'] })
  expect(subscriberPermissions('team-a')).toEqual({ publish: [], subscribe: ['events._cloud.team-a.>'] })
  for (const bad of ['a.b', '*', '>', '', 'a b']) expect(() => subscriberPermissions(bad)).toThrow('namespace')
})

test('a console process speaks to the agents of all nodes and hears them, and does nothing else', () => {
  expect(consolePermissions()).toEqual({ publish: ['console.to.*.*.*'], subscribe: ['console.from.*.*.*'] })
})
