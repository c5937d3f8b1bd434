// SPDX-License-Identifier: Apache-2.0
// A real bus with the cloud's accounts, call-out and permissions, and what a node is told of its consoles.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { instanceDocument } from '../../agents/compute/testing.ts'
import { hashOfToken, type ConsoleGrant, type InstanceDocument } from '../../lib/contract/documents.ts'
import { CONSOLE_INBOX, inboxPrefix } from '../../lib/contract/subjects.ts'
import type { Logger } from '../../lib/log.ts'
import type { NatsConnection } from '../../lib/nats/connect.ts'
import { TestServer } from '../../lib/nats/test-server.ts'
import { serveCallOut } from '../../operator/auth/call-out.ts'
import { AGENT_USERNAME, CONSOLE_USERNAME, type TokenReview } from '../../operator/auth/token-review.ts'
import type { Page } from '../page-files.ts'

/** For servers whose page is not what is tested. */
export const TEST_PAGE: Page = {
  'page.html': Buffer.from('<script nonce="@nonce@"></script>'),
  'console.js': Buffer.from('// script'),
  'console.css': Buffer.from('/* style */'),
}

async function review({ spec }: TokenReview): Promise<unknown> {
  const [who, node] = spec.token.split(':')
  const extra = { 'authentication.kubernetes.io/node-name': [node ?? ''] }
  const user = who === 'console' ? { username: CONSOLE_USERNAME } : { username: AGENT_USERNAME, extra }
  return { status: { authenticated: true, audiences: spec.audiences, user } }
}

export async function startBus(log: Logger): Promise<TestServer> {
  const bus = await TestServer.start()
  serveCallOut(await bus.connectCallOut(), { issuerSeed: bus.issuer.seed, createTokenReview: review, log })
  return bus
}

async function connectAs(bus: TestServer, token: string, inbox: string): Promise<NatsConnection> {
  const file = join(bus.dir, `token-${token.replace(':', '-')}`)
  await writeFile(file, token)
  return bus.connectWithTokenFile(file, token, inbox)
}

export function connectConsole(bus: TestServer): Promise<NatsConnection> {
  return connectAs(bus, 'console', CONSOLE_INBOX)
}

export function connectAgent(bus: TestServer, node: string): Promise<NatsConnection> {
  return connectAs(bus, `agent:${node}`, inboxPrefix(node))
}

/** Of a machine whose console may be opened by these accesses; the token of `a` is `token of a`. */
export function documentOf(machine: string, accesses: string[], more: Partial<ConsoleGrant> = {}): InstanceDocument {
  const plain = instanceDocument({})
  const grants = accesses.map((uid) => ({
    ...{ uid, tokenSHA256: hashOfToken(`token of ${uid}`), force: false },
    notAfter: new Date(Date.now() + 60_000).toISOString(),
    ...more,
  }))
  return { ...plain, uid: machine, spec: { ...plain.spec, consoles: grants } }
}
