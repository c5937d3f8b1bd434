// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { JsMsg } from '@nats-io/jetstream'
import { headers } from '@nats-io/transport-node'
import { createLogger } from '../../lib/log.ts'
import { take } from './receiver.ts'

const log = createLogger('test', 'silent')

function message(subject: string, pending: number) {
  const said: string[] = []
  const msg = {
    subject,
    data: Buffer.from('{}'),
    headers: undefined,
    info: { pending },
    ack: () => said.push('ack'),
    nak: (ms: number) => said.push(`again in ${ms}`),
  } as unknown as JsMsg
  return { msg, said }
}

async function took(subject: string, pending: number, receive: () => Promise<void>): Promise<string[]> {
  const { msg, said } = message(subject, pending)
  await take(msg, { receive, caughtUp: () => void said.push('caught up'), log })
  return said
}

const KEY = '$KV.desired.n1.instance.a'
test.each<[string, string, number, () => Promise<void>, string[]]>([
  ['one that is taken', KEY, 3, async () => undefined, ['ack']],
  ['the last one that is taken', KEY, 0, async () => undefined, ['ack', 'caught up']],
  // A full disk: the pull goes on with those behind it, and not all that there is has been received.
  ['one that is not', KEY, 0, async () => Promise.reject(new Error('the disk is full')), ['again in 5000']],
  [
    'one under a key that is none',
    '$KV.desired.n1.whatever',
    1,
    async () => Promise.reject(new Error('asked')),
    ['ack'],
  ],
])('%s', async (_name, subject, pending, receive, expected) => {
  expect(await took(subject, pending, receive)).toEqual(expected)
})

test('the mark of a removed key is acknowledged and asks for nothing: absence deletes nothing', async () => {
  const { msg, said } = message(KEY, 0)
  const mark = headers()
  mark.set('KV-Operation', 'DEL')
  const received: string[] = []
  await take(Object.assign(msg, { headers: mark }), {
    receive: async ({ uid }) => void received.push(uid),
    caughtUp: () => void said.push('caught up'),
    log,
  })
  expect([received, said]).toEqual([[], ['ack', 'caught up']])
})

test('a document is acknowledged when it was taken, and not before', async () => {
  const { msg, said } = message(KEY, 1)
  let taken: () => void = () => undefined
  const taking = take(msg, {
    receive: (key) => {
      expect(key).toEqual({ node: 'n1', kind: 'instance', uid: 'a' })
      return new Promise((resolve) => (taken = resolve))
    },
    caughtUp: () => undefined,
    log,
  })
  await Promise.resolve()
  expect(said).toEqual([])
  taken()
  await taking
  expect(said).toEqual(['ack'])
})
