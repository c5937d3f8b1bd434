// SPDX-License-Identifier: Apache-2.0
// The example subscriber, as a user runs it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Notification } from '../../lib/contract/documents.ts'
import { createLogger } from '../../lib/log.ts'
import { TestServer } from '../../lib/nats/test-server.ts'
import { JetStreamBus } from '../bus/jetstream-bus.ts'
import { serveCallOut } from './call-out.ts'

const log = createLogger('test', 'silent')
let server: TestServer
let bus: JetStreamBus

beforeAll(async () => {
  server = await TestServer.start()
  serveCallOut(await server.connectCallOut(), {
    issuerSeed: server.issuer.seed,
    log,
    createTokenReview: async ({ spec }) => ({
      status: { authenticated: true, audiences: spec.audiences, user: { username: spec.token, groups: [] } },
    }),
    mayWatch: async ({ username }, namespace) =>
      username === 'admin' || (username === 'system:serviceaccount:team:watcher' && namespace === 'team'),
  })
  bus = new JetStreamBus({ nc: await server.connectOperator(), writer: () => ({ incarnation: 1, term: 1 }), log })
  await bus.ready(AbortSignal.timeout(10_000))
}, 60_000)

afterAll(async () => {
  await bus.close()
  await server[Symbol.asyncDispose]()
})

function notification(namespace: string, eventType: string): Notification {
  return {
    v: 1,
    eventType,
    time: '2026-01-01T12:00:00.000Z',
    kind: 'Instance',
    namespace,
    name: 'web-1',
    uid: 'u1',
    before: { state: 'BUILD' },
    after: { state: 'ACTIVE' },
    payload: { node: 'n1', addresses: [{ network: 'net', ipAddress: '10.0.0.5' }] },
  }
}

/** Runs the example until it ends by itself; `act` once it listens. */
async function listen(user: string, scope: string[], act: () => Promise<void>): Promise<string[]> {
  const token = join(server.dir, 'subscriber-token')
  await writeFile(token, user)
  const script = join(import.meta.dirname, '../../examples/notifications/subscriber.ts')
  const { servers, caFile } = server.address
  const args = ['--server', servers[0]!, '--ca', caFile, '--token', token, '--until', 'instance.create.end', ...scope]
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  try {
    const lines: string[] = []
    const output = createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
    const errors = createInterface({ input: child.stderr })
    for await (const line of errors) if (line === 'listening') break
    const ended = Promise.all([once(child, 'exit'), once(output, 'close')])
    await act()
    await ended
    return lines
  } finally {
    child.kill()
  }
}

test('is told that the machine is up, once, and nothing of other projects', async () => {
  const lines = await listen('system:serviceaccount:team:watcher', ['--namespace', 'team'], async () => {
    await bus.notifier.publish(notification('other', 'instance.create.end'), 'o1')
    await bus.notifier.publish(notification('team', 'instance.create.start'), 't1')
    await bus.notifier.publish(notification('team', 'instance.create.start'), 't1')
    await bus.notifier.publish(notification('team', 'instance.create.end'), 't2')
  })
  // Sent again under the same id: stored once, but heard by whoever listens at that moment.
  expect([...new Set(lines)]).toEqual([
    '12:00:00 instance.create.start team/web-1 BUILD -> ACTIVE 10.0.0.5',
    '12:00:00 instance.create.end team/web-1 BUILD -> ACTIVE 10.0.0.5',
  ])
}, 30_000)

test('an account that may watch everything hears of all projects', async () => {
  const lines = await listen('admin', ['--all'], () =>
    bus.notifier.publish(notification('other', 'instance.create.end'), 'o2'),
  )
  expect(lines).toEqual(['12:00:00 instance.create.end other/web-1 BUILD -> ACTIVE 10.0.0.5'])
}, 30_000)
