// SPDX-License-Identifier: Apache-2.0
// The permission table against the real server, through the real call-out: what is allowed works, everything else is refused.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { headers, type NatsConnection } from '@nats-io/transport-node'
import { Heartbeat } from '../../lib/contract/documents.ts'
import { agentPermissions } from '../../lib/contract/permissions.ts'
import { BUCKETS, NODES_API, consumerOf, desiredFilter, inboxPrefix, toNodeToken } from '../../lib/contract/subjects.ts'
import { createLogger } from '../../lib/log.ts'
import { TestServer } from '../../lib/nats/test-server.ts'
import { DEFAULT_LIMITS, ensureConsumer, ensureStreams } from '../../lib/nats/streams.ts'
import { serveCallOut } from './call-out.ts'
import type { TokenReview } from './token-review.ts'
import { AGENT_USERNAME } from './token-review.ts'

const NODES = ['a', 'a.b', 'operator', 'n1'] as const

/** Tokens are `<node>` here; what the apiserver would say of them is what TokenReview says. */
async function review({ spec }: TokenReview): Promise<unknown> {
  const status = (user: unknown) => ({ status: { authenticated: true, audiences: spec.audiences, user } })
  const { token } = spec
  if (token === 'expired' || token === '') return { status: { authenticated: false, error: 'token has expired' } }
  if (token === 'other-audience')
    return { status: { authenticated: true, audiences: ['https://kubernetes'], user: {} } }
  if (token === 'unbound') return status({ username: AGENT_USERNAME, extra: {} })
  if (token === 'two-nodes') {
    return status({ username: AGENT_USERNAME, extra: { 'authentication.kubernetes.io/node-name': ['a', 'b'] } })
  }
  if (token === 'pod')
    return status({
      username: 'system:serviceaccount:team:default',
      extra: { 'authentication.kubernetes.io/node-name': ['a'] },
    })
  return status({ username: AGENT_USERNAME, extra: { 'authentication.kubernetes.io/node-name': [token] } })
}

let server: TestServer
let operator: NatsConnection
const agents = new Map<string, NatsConnection>()

beforeAll(async () => {
  server = await TestServer.start()
  operator = await server.connectOperator()
  await ensureStreams(operator, DEFAULT_LIMITS)
  serveCallOut(await server.connectCallOut(), {
    issuerSeed: server.issuer.seed,
    createTokenReview: review,
    log: createLogger('call-out', 'silent'),
  })
  for (const node of NODES) {
    await ensureConsumer(operator, node)
    agents.set(node, await connectAgent(node))
  }
}, 120_000)

afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

async function connectAgent(node: string, inbox = inboxPrefix(node)): Promise<NatsConnection> {
  const file = join(server.dir, `token-${node}`)
  await writeFile(file, node)
  return server.connectWithTokenFile(file, node, inbox)
}

function agent(node: string): NatsConnection {
  return agents.get(node)!
}

/** Does the server let this client publish there? Its refusals come asynchronously, before the answer to the flush. */
async function mayPublish(nc: NatsConnection, subject: string): Promise<boolean> {
  return withoutViolation(nc, subject, () => nc.publish(subject, '{}'))
}

async function maySubscribe(nc: NatsConnection, subject: string): Promise<boolean> {
  let refused = false
  const subscription = nc.subscribe(subject, { callback: (error) => void (refused ||= error !== null) })
  await nc.flush()
  await nc.flush()
  subscription.unsubscribe()
  return !refused
}

async function withoutViolation(nc: NatsConnection, subject: string, act: () => void): Promise<boolean> {
  const statuses = nc.status()[Symbol.asyncIterator]()
  let refused = false
  const watch = (async () => {
    for (;;) {
      const { value, done } = await statuses.next()
      if (done) return
      if (value.type === 'error' && value.error.message.includes(`"${subject}"`)) refused = true
    }
  })()
  act()
  await nc.flush()
  await nc.flush()
  void statuses.return?.()
  await Promise.race([watch, Promise.resolve()])
  return !refused
}

/** One subject that each entry of the table allows. */
function instanceOf(pattern: string): string {
  return pattern.replace(/>$/, 'x.y')
}

describe('the table', () => {
  test.each(NODES)('%s may publish and subscribe to what the table lists', async (node) => {
    const { publish, subscribe } = agentPermissions(node)
    for (const pattern of publish)
      expect([pattern, await mayPublish(agent(node), instanceOf(pattern))]).toEqual([pattern, true])
    for (const pattern of subscribe)
      expect([pattern, await maySubscribe(agent(node), pattern)]).toEqual([pattern, true])
  })

  test.each([
    ['a', 'a.b'],
    ['a.b', 'a'],
    ['a', 'operator'],
    ['operator', 'a'],
  ])('%s may nothing of what %s may', async (node, other) => {
    const { publish, subscribe } = agentPermissions(other)
    for (const pattern of publish)
      expect([pattern, await mayPublish(agent(node), instanceOf(pattern))]).toEqual([pattern, false])
    for (const pattern of subscribe)
      expect([pattern, await maySubscribe(agent(node), pattern)]).toEqual([pattern, false])
  })

  const own = `$JS.API.CONSUMER.%s.KV_desired.${consumerOf('a')}`
  test.each([
    '$KV.desired.a.instance.u1',
    '$KV.desired.a',
    '$KV.observed.a',
    '$KV.inventory.a.x',
    '$KV.inventory.>',
    'beat.a.x',
    'events._cloud.team.instance',
    'events.a',
    'rpc.a.console',
    'rpc.operator.x',
    '_INBOX_a.x',
    '_INBOX__operator.x',
    own.replace('%s', 'DELETE'),
    own.replace('%s', 'CREATE'),
    `${own.replace('%s', 'CREATE')}.${desiredFilter('a')}`,
    `$JS.API.CONSUMER.DURABLE.CREATE.KV_desired.${consumerOf('a')}`,
    '$JS.API.CONSUMER.CREATE.KV_observed',
    '$JS.API.CONSUMER.NAMES.KV_desired',
    '$JS.API.CONSUMER.LIST.KV_desired',
    `$JS.API.CONSUMER.MSG.NEXT.KV_observed.${consumerOf('a')}`,
    '$JS.API.CONSUMER.PAUSE.KV_desired.n-a',
    '$JS.API.INFO',
    '$JS.API.STREAM.NAMES',
    '$JS.API.STREAM.LIST',
    ...BUCKETS.flatMap((b) =>
      ['INFO', 'PURGE', 'DELETE', 'UPDATE', 'CREATE', 'MSG.GET', 'MSG.DELETE'].map(
        (v) => `$JS.API.STREAM.${v}.KV_${b}`,
      ),
    ),
    `$JS.API.DIRECT.GET.KV_desired.$KV.desired.a.instance.u1`,
    '$JS.API.DIRECT.GET.KV_observed',
    '$SYS.REQ.USER.AUTH',
    '$SYS.REQ.SERVER.PING',
    'anything',
  ])('a may not publish %s', async (subject) => {
    expect(await mayPublish(agent('a'), subject)).toBe(false)
  })

  test.each([
    '>',
    '*',
    '$KV.>',
    '$KV.desired.a.>',
    '$KV.observed.a.>',
    'beat.*',
    'beat.a',
    'events.>',
    'events._cloud.>',
    'rpc.>',
    'rpc.a.console',
    'rpc.*.console',
    '_INBOX.>',
    '_INBOX__operator.>',
    '_INBOX_*.>',
    '$JS.EVENT.ADVISORY.>',
    '$SYS.>',
    '$SYS.REQ.USER.AUTH',
  ])('a may not subscribe to %s', async (subject) => {
    expect(await maySubscribe(agent('a'), subject)).toBe(false)
  })

  test('no entry for an agent is a bare wildcard', () => {
    const { publish, subscribe } = agentPermissions('a.b')
    const token = toNodeToken('a.b')
    for (const entry of [...publish, ...subscribe]) expect(entry.split('.').some((t) => t.includes(token))).toBe(true)
  })
})

describe('JetStream', () => {
  test('a rollup header on its own key is refused, and the bucket keeps its documents', async () => {
    await jetstream(agent('n1')).publish('$KV.observed.n1.port.u1', '{}')
    for (const scope of ['all', 'sub']) {
      const h = headers()
      h.set('Nats-Rollup', scope)
      await expect(jetstream(agent('a')).publish('$KV.observed.a.port.u1', '{}', { headers: h })).rejects.toThrow(
        /rollup/,
      )
    }
    const jsm = await jetstreamManager(operator)
    const info = await jsm.streams.info('KV_observed', { subjects_filter: '$KV.observed.n1.>' })
    expect(info.state.subjects).toMatchObject({ '$KV.observed.n1.port.u1': 1 })
  })

  test.each([
    ['Nats-Schedule', '@every 1s'],
    ['Nats-Incr', '+1'],
  ])('the header %s is refused', async (name, value) => {
    const h = headers()
    h.set(name, value)
    h.set('Nats-Schedule-Target', '$KV.observed.n1.port.u1')
    await expect(jetstream(agent('a')).publish('$KV.observed.a.port.u1', '{}', { headers: h })).rejects.toThrow()
  })

  test('a node receives its own documents and none of another whose name begins alike', async () => {
    const js = jetstream(operator)
    await js.publish('$KV.desired.a.instance.mine', '"a"')
    await js.publish('$KV.desired.a_b.instance.theirs', '"a.b"')
    const consumer = await jetstream(agent('a'), { apiPrefix: NODES_API }).consumers.get('KV_desired', consumerOf('a'))
    const messages = await consumer.fetch({ max_messages: 10, expires: 1_000 })
    const subjects: string[] = []
    for await (const message of messages) {
      subjects.push(message.subject)
      message.ack()
    }
    expect(subjects).toEqual(['$KV.desired.a.instance.mine'])
    await expect(
      jetstream(agent('a'), { apiPrefix: NODES_API }).consumers.get('KV_desired', consumerOf('a.b')),
    ).rejects.toThrow(/Permissions Violation/)
  })

  test('an agent can make neither a push nor a pull consumer', async () => {
    const jsm = await jetstreamManager(agent('a'), { checkAPI: false })
    const config = { filter_subject: desiredFilter('a'), ack_policy: AckPolicy.None }
    await expect(jsm.consumers.add('KV_desired', { ...config, deliver_subject: '_INBOX_a.x' })).rejects.toThrow(
      /Permissions Violation/,
    )
    await expect(jsm.consumers.add('KV_desired', { ...config, name: 'mine' })).rejects.toThrow(/Permissions Violation/)
  })

  // The server does not check a reply subject against permissions: an answer can be sent anywhere in the account, be it that something
  // was stored (JSON), was refused (JSON), or that there is nothing (no body, which JetStream takes for an order without arguments).
  test.each([
    '$JS.API.STREAM.PURGE.KV_desired',
    '$JS.API.STREAM.DELETE.KV_desired',
    '$JS.API.STREAM.UPDATE.KV_desired',
    '$JS.API.CONSUMER.DELETE.KV_desired.n-n1',
    '$KV.desired.n1.instance.kept',
    '$KV.desired.n1.instance.new',
    '$KV.observed.n1.instance.new',
    '$KV.inventory.n1',
    '_INBOX__operator.control',
  ])('an answer sent to %s does nothing', async (reply) => {
    const kept = (await jetstream(operator).publish('$KV.desired.n1.instance.kept', '"n1"')).seq
    const inventory = (await jetstream(agent('n1')).publish('$KV.inventory.n1', '"n1"')).seq
    let heard = 0
    const subscription = operator.subscribe('_INBOX__operator.control', { callback: () => void (heard += 1) })
    await operator.flush()
    const a = agent('a')
    const h = headers()
    h.set('Nats-Rollup', 'all')
    a.publish('$KV.observed.a.port.u9', '{}', { reply })
    a.publish('$KV.observed.a.port.u9', '{}', { reply, headers: h })
    const next = `${NODES_API}.CONSUMER.MSG.NEXT.KV_desired.${consumerOf('a')}`
    a.publish(next, '{"batch":1,"no_wait":true}', { reply })
    // Answers leave in order, and one more has gone the same way.
    await a.request(next, '{"batch":1,"no_wait":true}')
    await a.request('$KV.observed.a.port.u9', '{}')
    const jsm = await jetstreamManager(operator)
    const desired = await jsm.streams.info('KV_desired', { subjects_filter: '$KV.desired.n1.>' })
    expect(desired.state.subjects).toEqual({ '$KV.desired.n1.instance.kept': 1 })
    expect(desired.state.last_seq).toBe(kept)
    const observed = await jsm.streams.info('KV_observed', { subjects_filter: '$KV.observed.n1.instance.>' })
    expect(observed.state.subjects ?? {}).toEqual({})
    expect((await jsm.streams.info('KV_inventory')).state.last_seq).toBe(inventory)
    expect((await jsm.consumers.info('KV_desired', 'n-n1')).name).toBe('n-n1')
    subscription.unsubscribe()
    expect(heard).toBe(0)
  })
})

describe('what one node is about to acknowledge', () => {
  const next = (node: string) => `${NODES_API}.CONSUMER.MSG.NEXT.KV_desired.${consumerOf(node)}`
  /** The next of its documents, not acknowledged, and what acknowledges it. */
  async function take(node: string, uid: string): Promise<string> {
    await jetstream(operator).publish(`$KV.desired.${node}.instance.${uid}`, '"x"')
    const inbox = `${inboxPrefix(node)}.taken`
    const subscription = agent(node).subscribe(inbox, { max: 1 })
    agent(node).publish(next(node), '{"batch":1,"expires":2000000000}', { reply: inbox })
    for await (const { reply } of subscription) return reply!
    throw new Error('nothing was delivered')
  }
  const pending = async (node: string) =>
    (await (await jetstreamManager(operator)).consumers.info('KV_desired', consumerOf(node))).num_ack_pending

  test('no other can, by a word or by where it has an answer sent', async () => {
    const ack = await take('n1', 'taken')
    expect(ack).toContain(`$JS.ACK.KV_desired.${consumerOf('n1')}.`)
    const a = agent('a')
    expect(await mayPublish(a, ack)).toBe(false)
    const own = await take('a', 'own')
    const before = await pending('n1')
    expect(before).toBeGreaterThan(0)
    const [h, rollup] = [headers(), 'Nats-Rollup']
    h.set(rollup, 'all')
    a.publish('$KV.observed.a.port.u9', '{}', { reply: ack })
    a.publish('$KV.observed.a.port.u9', '{}', { reply: ack, headers: h })
    a.publish(next('a'), '{"batch":1,"no_wait":true}', { reply: ack })
    a.publish(next('n1'), '{"batch":1,"no_wait":true}', { reply: ack })
    a.publish(own, '+NXT', { reply: ack })
    a.publish(own, '+ACK', { reply: ack })
    await a.request(next('a'), '{"batch":1,"no_wait":true}')
    await a.request('$KV.observed.a.port.u9', '{}')
    expect(await pending('n1')).toBe(before)
    await agent('n1').request(ack, '+ACK')
    expect(await pending('n1')).toBe(before - 1)
  })

  test('an answer that is sent to where another node beats is no beat', async () => {
    const heard: Uint8Array[] = []
    const subscription = operator.subscribe('beat.n1', { callback: (_, { data }) => void heard.push(data) })
    await operator.flush()
    const a = agent('a')
    a.publish('$KV.observed.a.port.u9', '{}', { reply: 'beat.n1' })
    a.publish(next('a'), '{"batch":1,"no_wait":true}', { reply: 'beat.n1' })
    await a.request('$KV.observed.a.port.u9', '{}')
    await a.request(next('a'), '{"batch":1,"no_wait":true}')
    agent('n1').publish('beat.n1', '{"v":1,"bootId":"b","seq":1}')
    await agent('n1').flush()
    await operator.flush()
    const read = (data: Uint8Array) => {
      try {
        return Heartbeat.safeParse(JSON.parse(Buffer.from(data).toString())).success
      } catch {
        return false
      }
    }
    expect(heard.filter(read)).toHaveLength(1)
    subscription.unsubscribe()
  })
})

describe('identity', () => {
  test.each(['', 'expired', 'other-audience', 'unbound', 'two-nodes', 'pod'])(
    'the token "%s" is let in nowhere',
    async (token) => {
      await expect(connectOnce(token)).resolves.toBe('refused')
    },
  )

  test.each(['>', '*', 'a.*', 'A', 'a_b', 'a b', '-a', 'a..b', 'a'.repeat(254)])(
    'a node named %j is let in nowhere',
    async (node) => {
      await expect(connectOnce(node)).resolves.toBe('refused')
    },
  )

  test('a user that is known to the configuration is the operator alone: no token makes one', async () => {
    expect(await mayPublish(agent('operator'), '$KV.desired.n1.instance.u1')).toBe(false)
    expect(await maySubscribe(agent('operator'), '_INBOX__operator.>')).toBe(false)
  })
})

/** The client never gives up, so that what tells is the call-out's own count. */
async function connectOnce(token: string): Promise<'refused' | 'allowed'> {
  const { connect, tokenAuthenticator } = await import('@nats-io/transport-node')
  try {
    const nc = await connect({
      servers: server.address.servers,
      tls: { caFile: server.address.caFile },
      authenticator: tokenAuthenticator(token),
      reconnect: false,
      timeout: 5_000,
    })
    await nc.close()
    return 'allowed'
  } catch (error) {
    if (error instanceof Error && /authorization violation/i.test(error.message)) return 'refused'
    throw error
  }
}
