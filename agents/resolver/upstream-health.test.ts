// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { answerTo } from './testing/questions.ts'
import { probeServer, UpstreamHealth } from './upstream-health.ts'
import { Upstreams } from './upstreams.ts'

const NONE = new Set<string>()

/** Servers that answer, but for those in `silent`; a clock that is moved. */
function world() {
  const silent = new Map<string, string>()
  const asked: string[] = []
  let ms = Date.parse('2026-01-01T00:00:00Z')
  const probe = async (address: string) => (asked.push(address), silent.get(address))
  const health = new UpstreamHealth(probe, () => new Date(ms))
  return { silent, asked, health, pass: (seconds: number) => (ms += seconds * 1000) }
}

test('a server that answers is asked once, and again only when a guest got no answer from it', async () => {
  const { asked, health, pass } = world()
  const well = [{ address: 'a', since: '2026-01-01T00:00:00Z' }]
  for (let look = 0; look < 100; look++) {
    expect(await health.look(['a'], NONE)).toEqual(well)
    pass(2)
  }
  expect(asked).toEqual(['a'])
  // A name that nobody answers for: the server itself is well.
  expect(await health.look(['a'], new Set(['a']))).toEqual(well)
  expect(asked).toEqual(['a', 'a'])
})

test('two probes in a row change what is said, with since when and why, and a server away is asked until it is back', async () => {
  const { silent, asked, health, pass } = world()
  await health.look(['a'], NONE)
  silent.set('a', 'no answer in time')
  pass(10)
  expect(await health.look(['a'], new Set(['a']))).toEqual([{ address: 'a', since: '2026-01-01T00:00:00Z' }])
  pass(4)
  await health.look(['a'], NONE)
  expect(asked).toHaveLength(2)
  pass(1)
  const away = [{ address: 'a', since: '2026-01-01T00:00:15Z', error: 'no answer in time' }]
  expect(await health.look(['a'], NONE)).toEqual(away)
  // Another error is no news.
  silent.set('a', 'refused')
  pass(5)
  expect(await health.look(['a'], NONE)).toEqual(away)
  silent.clear()
  pass(5)
  expect(await health.look(['a'], NONE)).toEqual(away)
  silent.set('a', 'refused')
  pass(5)
  await health.look(['a'], NONE)
  silent.clear()
  for (const seconds of [5, 5]) {
    pass(seconds)
    await health.look(['a'], NONE)
  }
  expect(await health.look(['a'], NONE)).toEqual([{ address: 'a', since: '2026-01-01T00:00:40Z' }])
})

test('nothing is said until it is known of all; one that is named no more is forgotten', async () => {
  const { silent, health, pass } = world()
  silent.set('b', 'no route')
  expect(await health.look(['a', 'b'], NONE)).toBeUndefined()
  pass(5)
  expect(await health.look(['a', 'b'], NONE)).toMatchObject([{ address: 'a' }, { address: 'b', error: 'no route' }])
  expect(await health.look(['a'], NONE)).toHaveLength(1)
  expect(await health.look(['a', 'b'], NONE)).toBeUndefined()
  expect(await health.look([], NONE)).toEqual([])
})

test('a real server: any answer is one, even a refusal; where nobody listens it is said why', async () => {
  const socket = createSocket('udp4').on('message', (asked, from) =>
    socket.send(answerTo(asked, { rcode: 5 }), from.port, from.address),
  )
  socket.bind(0, '127.0.0.5')
  await once(socket, 'listening')
  const server = { address: '127.0.0.5', port: socket.address().port }
  expect(await probeServer(server)).toBeUndefined()
  socket.close()
  expect(await probeServer(server)).toContain('ECONNREFUSED')
})

test('suspects are those that left a question open lately', () => {
  const upstreams = new Upstreams()
  upstreams.set(['a', 'b'])
  upstreams.avoid({ address: 'a', port: 53 }, 0)
  expect([upstreams.suspects(1), upstreams.suspects(60_000)]).toEqual([new Set(['a']), NONE])
})
