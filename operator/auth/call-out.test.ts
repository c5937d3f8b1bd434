// SPDX-License-Identifier: Apache-2.0
// What the server is answered: who comes in as what and for how long, and why the others do not.
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { agentPermissions, consolePermissions, subscriberPermissions } from '../../lib/contract/permissions.ts'
import { createLogger } from '../../lib/log.ts'
import { settle } from '../../lib/time/fake-clock.ts'
import type { NatsConnection } from '../../lib/nats/connect.ts'
import { createAccountKey, createUserKey } from '../../lib/nats/nkey.ts'
import { APP_ACCOUNT, CONSOLES_ACCOUNT, NODES_ACCOUNT } from '../../lib/nats/server-config.ts'
import { serveCallOut, type CallOut, type CallOutOptions } from './call-out.ts'
import { LoginBudget } from './login-budget.ts'
import { DEFAULT_LOGIN_LINE, LoginLine } from './login-line.ts'
import { AGENT_USERNAME, CONSOLE_USERNAME, NATS_AUDIENCE, type TokenReview } from './token-review.ts'

const issuer = createAccountKey()
const userNkey = createUserKey().publicKey
const NOW_SECONDS = 1_750_000_000
interface User {
  username?: string
  groups?: string[]
  extra?: Record<string, string[]>
}
interface Grant {
  name: string
  aud: string
  sub: string
  iat: number
  exp: number
  nats: { pub: object; sub: object }
}
type More = { [K in keyof CallOutOptions]?: CallOutOptions[K] | undefined }
interface World {
  service: CallOut
  /** The server's question; the answer's claims, none when there is no answer. */
  ask(token: string | undefined, host?: string): Promise<{ error?: string; grant?: Grant } | undefined>
  deliver(error: Error | null, text: string): string[]
  reviews: TokenReview[]
  watches: string[]
  outcomes: string[]
  subscribed: string[]
}

const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as object
const tokenOf = (claims: object) => `x.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`

/** @param users by token: as the apiserver tells of them. Tokens `all…` may watch all namespaces, `own…` the namespace `team`. */
function world(users: Record<string, unknown> = {}, more: More = {}): World {
  const [reviews, watches, outcomes, subscribed]: [TokenReview[], string[], string[], string[]] = [[], [], [], []]
  let deliver: (error: Error | null, message: unknown) => void = () => undefined
  const nc = {
    subscribe: (subject: string, { queue, callback }: { queue: string; callback: typeof deliver }) => {
      subscribed.push(`${subject} ${queue}`)
      deliver = callback
      return { drain: async () => void subscribed.push('drained') }
    },
  }
  const service = serveCallOut(nc as unknown as NatsConnection, {
    issuerSeed: issuer.seed,
    log: createLogger('test', 'silent'),
    now: () => NOW_SECONDS * 1000 + 999,
    createTokenReview: async (review, signal) => {
      expect(signal.aborted).toBe(false)
      reviews.push(review)
      const its = users[review.spec.token]
      if (its instanceof Error) throw its
      return its
    },
    mayWatch: async ({ username, groups }, namespace) => {
      watches.push(`${username} ${groups.join()} ${namespace ?? '*'}`)
      return namespace === undefined ? groups.includes('all') : groups.includes('own') && namespace === 'team'
    },
    onAnswer: (outcome) => outcomes.push(outcome),
    ...more,
  })
  const deliverText = (error: Error | null, text: string) => {
    const answers: string[] = []
    deliver(error, { string: () => text, respond: (answer: string) => answers.push(answer) })
    return answers
  }
  const ask: World['ask'] = async (token, host = '192.0.2.1') => {
    const nats = { user_nkey: userNkey, server_id: { id: 'SERVER' }, client_info: { host } }
    const answers = deliverText(
      null,
      tokenOf({ nats: { ...nats, connect_opts: token === undefined ? {} : { auth_token: token } } }),
    )
    await settle()
    if (answers.length === 0) return undefined
    expect(answers).toHaveLength(1)
    const claims = claimsOf(answers[0]!) as { sub: string; aud: string; nats: { error?: string; jwt?: string } }
    expect([claims.sub, claims.aud]).toEqual([userNkey, 'SERVER'])
    const { error, jwt } = claims.nats
    return {
      ...(error === undefined ? {} : { error }),
      ...(jwt === undefined ? {} : { grant: claimsOf(jwt) as Grant }),
    }
  }
  return { service, ask, deliver: deliverText, reviews, watches, outcomes, subscribed }
}
const known = (user: User | undefined, audiences: string[] | undefined = [NATS_AUDIENCE]) => ({
  status: { authenticated: true, audiences, user },
})
const agent = (...nodes: string[]) =>
  known({ username: AGENT_USERNAME, extra: { 'authentication.kubernetes.io/node-name': nodes } })
const account = (name: string, ...groups: string[]) => known({ username: `system:serviceaccount:${name}`, groups })

let random: ReturnType<typeof spyOnRandom>
const spyOnRandom = () => jest.spyOn(Math, 'random')
beforeEach(() => void (random = spyOnRandom().mockReturnValue(0.5)))
afterEach(() => random.mockRestore())

describe('lets in', () => {
  test.each([
    ['an agent', agent('n1'), 'agent:n1', NODES_ACCOUNT, agentPermissions('n1'), []],
    ['a console process', known({ username: CONSOLE_USERNAME }), 'console', CONSOLES_ACCOUNT, consolePermissions(), []],
    [
      'who may watch all namespaces',
      known({ username: 'root', groups: ['all'] }),
      ...['root', APP_ACCOUNT, subscriberPermissions(undefined), ['root all *']],
    ],
    [
      'a service account that may watch its own',
      account('team:web.1', 'own'),
      ...['system:serviceaccount:team:web.1', APP_ACCOUNT, subscriberPermissions('team')],
      ['system:serviceaccount:team:web.1 own *', 'system:serviceaccount:team:web.1 own team'],
    ],
  ] as [string, unknown, string, string, ReturnType<typeof agentPermissions>, string[]][])(
    '%s',
    async (_, status, name, bus, permissions, watches) => {
      const w = world({ token: status })
      const { grant } = (await w.ask('token'))!
      expect(grant).toMatchObject({ name, aud: bus, sub: userNkey, iat: NOW_SECONDS, exp: NOW_SECONDS + 3420 })
      expect(grant!.nats).toMatchObject({
        pub: permissions.publish.length > 0 ? { allow: permissions.publish } : { deny: ['>'] },
      })
      expect(grant!.nats).toMatchObject({ sub: { allow: permissions.subscribe } })
      expect([w.watches, w.outcomes]).toEqual([watches, ['allowed']])
      expect(w.reviews.map(({ spec }) => spec)).toEqual([{ token: 'token', audiences: [NATS_AUDIENCE] }])
    },
  )
  test('for a while of which a part is left to chance', async () => {
    const w = world({ token: agent('n1') }, { lifetimeSeconds: 100 })
    expect((await w.ask('token'))!.grant!.exp).toBe(NOW_SECONDS + 95)
    random.mockReturnValue(0)
    expect((await w.ask('token'))!.grant!.exp).toBe(NOW_SECONDS + 100)
  })
  test('by the clock on the wall', async () => {
    const w = world({ token: agent('n1') }, { now: undefined })
    const before = Math.floor(Date.now() / 1000)
    const { iat } = (await w.ask('token'))!.grant!
    expect(iat - before).toBeGreaterThanOrEqual(0)
    expect(iat - before).toBeLessThan(60)
  })
})

describe('refuses', () => {
  test.each([
    ['who shows none', undefined, undefined, 'no token'],
    ['who shows an empty one', '', undefined, 'no token'],
    ['whom the apiserver does not know', 'token', { status: { error: 'x' } }, 'does not know'],
    ['a token for others', 'token', known({ username: 'root', groups: ['all'] }, ['kubernetes']), 'is not for'],
    ['a token for nobody', 'token', { status: { authenticated: true, user: { username: 'root' } } }, 'is not for'],
    ['a token of nobody', 'token', known(undefined), 'no user'],
    ['a token of a user without a name', 'token', known({ username: '' }), 'no user'],
    ['an agent without a node', 'token', known({ username: AGENT_USERNAME, groups: ['all'] }), 'bound to no node'],
    ['an agent of two nodes', 'token', agent('n1', 'n2'), 'bound to no node'],
    ['an agent of a node that can be none', 'token', agent('N 1'), 'no valid node'],
    ['a service account that may watch nothing', 'token', account('team:web'), 'may not watch'],
    ['one of another namespace', 'token', account('other:web', 'own'), 'may not watch'],
    ['a user that may watch one namespace', 'token', known({ username: 'team', groups: ['own'] }), 'may not watch'],
    ['whose name is like a service account’s', 'token', account('team:x:y', 'own'), 'may not watch'],
  ])('%s', async (_, token, status, why) => {
    const w = world({ token: status })
    expect(await w.ask(token)).toEqual({ error: expect.stringContaining(why) })
    expect([w.outcomes, w.reviews.length]).toEqual([['refused'], token ? 1 : 0])
  })
  test('all but agents where nobody can be asked who may watch', async () => {
    const w = world({ token: account('team:web', 'all', 'own'), agent: agent('n1') }, { mayWatch: undefined })
    expect(await w.ask('token')).toEqual({ error: expect.stringContaining('may not watch') })
    expect((await w.ask('agent'))?.grant?.name).toBe('agent:n1')
  })
  test('a node that is shut out, and says why', async () => {
    const w = world(
      { a: agent('n1'), b: agent('n2') },
      { whyShut: async (node) => (node === 'n1' ? 'is shut out' : undefined) },
    )
    expect(await w.ask('a')).toEqual({ error: 'node n1 is shut out' })
    expect((await w.ask('b'))?.grant?.name).toBe('agent:n2')
  })
  test('an address that failed too often, without asking; others are asked about', async () => {
    const line = new LoginLine({ ...DEFAULT_LOGIN_LINE, patience: { refusals: 1, windowMs: 1e6, addresses: 9 } })
    const w = world({ bad: { status: {} }, good: agent('n1') }, { line })
    await w.ask('bad', 'a')
    expect(await w.ask('good', 'a')).toEqual({ error: expect.stringContaining('too many logins from this address') })
    expect((await w.ask('good', 'b'))?.grant?.name).toBe('agent:n1')
    expect([w.reviews.length, w.outcomes]).toEqual([2, ['refused', 'refused', 'allowed']])
  })
  test('who logs in too often: a node, a user, a namespace whatever its accounts', async () => {
    const budget = new LoginBudget({ burst: 1, everyMs: 1e9, holders: 9 })
    const users = { n1: agent('n1'), n2: agent('n2'), a: account('team:a', 'own'), b: account('team:b', 'own') }
    const [root, other] = ['root', 'other'].map((username) => known({ username, groups: ['all'] }))
    const w = world({ ...users, root, other }, { budget })
    const outcome = async (token: string) => (await w.ask(token))?.error ?? 'in'
    expect([await outcome('n1'), await outcome('n2'), await outcome('n1')]).toEqual([
      ...['in', 'in', 'agent:n1 logs in too often: wait'],
    ])
    expect([await outcome('a'), await outcome('b')]).toEqual(['in', 'namespace:team logs in too often: wait'])
    expect([await outcome('root'), await outcome('other'), await outcome('root')]).toEqual([
      ...['in', 'in', 'root logs in too often: wait'],
    ])
  })
})

test('an apiserver that does not answer, or not in its language, is nobody’s refusal', async () => {
  const w = world({ away: new Error('connection refused'), odd: { kind: 'Status' } })
  expect(await w.ask('away')).toEqual({ error: 'token cannot be reviewed: connection refused' })
  expect(await w.ask('odd')).toEqual({ error: expect.stringContaining('token cannot be reviewed') })
  expect([w.outcomes, w.service.counts()]).toEqual([
    ['failed', 'failed'],
    { allowed: 0, refused: 0, failed: 2, crowded: 0 },
  ])
})

test('more than can wait are told to come again', async () => {
  const held = Promise.withResolvers<unknown>()
  const line = new LoginLine({ ...DEFAULT_LOGIN_LINE, atOnce: 1, waiting: 0 })
  const w = world({}, { line, createTokenReview: () => held.promise })
  expect(await w.ask('a', 'first')).toBeUndefined()
  expect(await w.ask('b', 'second')).toEqual({ error: expect.stringContaining('try again') })
  held.resolve(agent('n1'))
  await settle()
  expect(w.service.counts()).toEqual({ allowed: 1, refused: 0, failed: 0, crowded: 1 })
})

test('what cannot be read is not answered, and all replicas answer in turn', async () => {
  const w = world({ token: agent('n1') })
  expect(w.subscribed).toEqual(['$SYS.REQ.USER.AUTH nephele-auth'])
  expect([w.deliver(null, 'no token'), w.deliver(new Error('permissions violation'), 'x.e30.x')]).toEqual([[], []])
  await settle()
  expect(w.outcomes).toEqual(['failed'])
  expect((await w.ask('token'))?.grant?.name).toBe('agent:n1')
  await w.service.stop()
  expect(w.subscribed.at(-1)).toBe('drained')
})

test('a node that comes sixty times at once is let wait', async () => {
  const w = world({ token: agent('n1') })
  for (let i = 0; i < 60; i++) expect((await w.ask('token'))?.error).toBeUndefined()
  expect((await w.ask('token'))?.error).toContain('too often')
})
