// SPDX-License-Identifier: Apache-2.0
// A gateway node whose HAProxy follows rules: requests are sent to it as clients send them, and members say what they got.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import type { BalancerDocument, BalancerRule } from '../../lib/contract/documents.ts'
import { servicePortMac, servicePortName } from '../../lib/contract/service-port.ts'
import { until } from '../../lib/time/until.ts'
import type { LogicalServicePorts, LogicalWant } from '../../operator/network/logical-kinds.ts'
import { OvnNetworkDriver } from '../../operator/network/ovn/ovn-network-driver.ts'
import { ensureAll } from '../../operator/network/ovn/testing/drift.ts'
import { startCluster, startInNode, type TestCluster } from '../network/testing/cluster.ts'
import { serviceNamespace } from '../network/service-ports.ts'

const [uid, networkUid] = [randomUUID(), randomUUID()]
const [NODE, OWN, SHARED] = ['only', '10.7.1.11', '10.7.1.13']
const owner = { namespace: 'ns', name: 'x', generation: 1 }
const rows: LogicalServicePorts = {
  ...{ kind: 'ServicePort', ...owner, uid, networkUid },
  ports: [{ node: NODE, addresses: [OWN], alsoSpeaksFor: [SHARED] }],
}
const WORLD: readonly LogicalWant[] = [{ kind: 'Network', ...owner, uid: networkUid, mtu: 1442 }, rows]
const soon = () => AbortSignal.timeout(20_000)
const [WEB, API] = [8001, 8002]

let cluster: TestCluster
let driver: OvnNetworkDriver
let endMembers: (() => void)[] = []
let generation = 0

const run = (...argv: string[]) => cluster.nodes[0]!.run('ip', 'netns', 'exec', serviceNamespace(uid), ...argv)
function documentOf(rules: readonly BalancerRule[], more: { members?: boolean } = {}): BalancerDocument {
  const pools = [
    { name: 'web', members: more.members === false ? [] : [{ address: OWN, port: WEB }] },
    { name: 'web.api', members: [{ address: OWN, port: API }] },
  ]
  return {
    ...{ v: 1, kind: 'balancer', uid, node: NODE, namespace: 'ns', name: 'web', tombstone: false },
    versions: { incarnation: 1, term: 1, epoch: 1, generation },
    spec: {
      port: {
        ...{ logicalPort: servicePortName(uid, NODE), networkUid, mac: servicePortMac(uid, NODE), mtu: 1442 },
        ...{ addresses: [{ address: OWN, prefixLength: 24 }], gateways: [] },
      },
      sharedAddress: SHARED,
      listeners: [
        {
          ...{ name: 'web', port: 80, pool: 'web', rules: [...rules], maxConnections: 100 },
          timeouts: { client: 50, connect: 5, server: 50 },
        },
      ],
      pools,
    },
  }
}
/** With the rule that answers last, so that an answer by it says that HAProxy follows them. */
async function follow(rules: readonly BalancerRule[], more: { members?: boolean } = {}): Promise<void> {
  generation++
  const mark: BalancerRule = {
    ...{ hostnames: [], paths: [{ type: 'Exact', value: `/generation/${generation}` }] },
    action: { type: 'reject', statusCode: 410 },
  }
  cluster.nodes[0]!.agent.send({ document: documentOf([mark, ...rules], more) })
  await until(async () => (await ask(`/generation/${generation}`)).status === '410', 'the rules', 30_000, 200)
}
interface Answer {
  status: string
  location: string
  body: string
}
/** As curl sends it: the path as it is written. */
async function ask(path: string, host = 'shop.example'): Promise<Answer> {
  const format = '\\n%{http_code} %header{location}'
  const argv = [
    'curl',
    '-s',
    '-g',
    '-m',
    '3',
    '--path-as-is',
    '-H',
    `Host: ${host}`,
    '-w',
    format,
    `http://${SHARED}${path}`,
  ]
  const text = await run(...argv).catch(() => '\n- ')
  const end = text.lastIndexOf('\n')
  const [status = '-', location = ''] = text.slice(end + 1).split(' ')
  return { status, location, body: text.slice(0, end) }
}
const seenBy = async (path: string, host?: string) => {
  const { status, body } = await ask(path, host)
  return status === '200' ? body : status
}
const rule = (action: BalancerRule['action'], more: Partial<BalancerRule> = {}): BalancerRule => ({
  ...{ hostnames: [], paths: [], action },
  ...more,
})
const toApi: BalancerRule['action'] = { type: 'pool', pool: 'web.api' }
const refuse = (statusCode = 403): BalancerRule['action'] => ({ type: 'reject', statusCode })

beforeAll(async () => {
  cluster = await startCluster([NODE], '10.98.242')
  const { agent, node } = cluster.nodes[0]!
  agent.send({ configure: { roles: { gateway: true }, certificate: 'on disk', ovnRemote: cluster.ovnRemote } })
  await agent.waitLine('configured')
  driver = new OvnNetworkDriver({ remotes: [{ transport: 'unix', path: cluster.northboundSocket }] })
  driver.start(new AbortController().signal)
  await driver.claimTerm(1, 1, soon())
  await ensureAll(driver, WORLD, soon)
  generation++
  agent.send({ document: documentOf([]) })
  await agent.waitState('balancer', uid, 'active', 30_000)
  const program = `require('node:http').createServer((request, answer) => answer.end(process.argv[1] + ' ' + request.headers.host + ' ' + request.url)).listen(+process.argv[2])`
  const member = (name: string, port: number) =>
    startInNode(node, [
      ...['ip', 'netns', 'exec', serviceNamespace(uid)],
      ...['/opt/nephele/bin/node', '-e', program, name, String(port)],
    ])
  endMembers = [member('web', WEB), member('api', API)]
  await until(async () => (await seenBy('/')) === 'web shop.example /', 'a member to answer', 20_000, 200)
}, 120_000)
afterAll(async () => {
  for (const end of endMembers) end()
  await driver?.close()
  await cluster?.stop()
}, 60_000)

test('by hostname: exact, one label or more, whatever the case, port and last dot', async () => {
  await follow([rule(toApi, { hostnames: ['api.example', '*.api.example'] })])
  const who = async (host: string) => (await seenBy('/', host)).split(' ')[0]
  for (const host of [
    'api.example',
    'API.Example',
    'api.example:8080',
    'api.example.',
    'v1.api.example',
    'a.b.api.example',
  ])
    expect([host, await who(host)]).toEqual([host, 'api'])
  for (const host of ['shop.example', 'xapi.example', 'api.example.org', 'api.example.shop.example', '[fd00::1]:80'])
    expect([host, await who(host)]).toEqual([host, 'web'])
}, 60_000)

test('a Host that is no name or address is refused, and goes round no rule by hostname', async () => {
  const noPath = { scheme: 'https' as const, statusCode: 302 as const }
  await follow([
    rule(refuse(), { hostnames: ['secret.example'] }),
    rule({ type: 'redirect', ...noPath }, { paths: [{ type: 'PathPrefix', value: '/tls' }] }),
  ])
  for (const host of ['secret.example', 'secret.example.', 'Secret.example:80', 'secret.example.:80'])
    expect([host, await seenBy('/', host)]).toEqual([host, '403'])
  for (const host of [
    'secret.example,x',
    'x,secret.example',
    'secret.example..',
    'secret.example:80:80',
    'secret%2eexample',
    'evil.com/?',
    'evil.com#',
    'a@evil.com',
    '.secret.example',
    '[fd00::1',
  ]) {
    const { status, location } = await ask('/tls', host)
    expect([host, status, location]).toEqual([host, '400', ''])
  }
  // HTTP/1.0 needs no Host, and may have a name in its first line.
  const old = async (target: string) =>
    (
      await run(
        ...['curl', '-s', '-m', '3', '-0', '-H', 'Host:', '-o', '/dev/null', '-w', '%{http_code}'],
        ...['--request-target', target, `http://${SHARED}`],
      )
    ).trim()
  expect([await old('/'), await old('/tls'), await old('http://secret.example/')]).toEqual(['200', '400', '400'])
}, 60_000)

test('a connection of HTTP/2 has sixteen requests at a time, without TLS, too', async () => {
  const program = `const client = require('node:http2').connect('http://${SHARED}'); client.on('remoteSettings', ({ maxConcurrentStreams }) => { console.log(maxConcurrentStreams); client.destroy() })`
  expect((await run('/opt/nephele/bin/node', '-e', program)).trim()).toBe('16')
}, 30_000)

test('by path: whole segments, and nothing goes round a refusal by another spelling', async () => {
  await follow([
    rule(refuse(), { paths: [{ type: 'PathPrefix', value: '/private' }] }),
    rule(toApi, {
      paths: [
        { type: 'PathPrefix', value: '/v1' },
        { type: 'Exact', value: '/v2' },
      ],
    }),
  ])
  const spellings = [
    '/private',
    '/private/',
    '/private/x?y',
    '//private',
    '/a/../private',
    '/./private',
    '/%70rivate',
    '/%2e/private',
    '/private//x',
    '/a/%2e%2e/private/x',
  ]
  for (const path of spellings) expect([path, await seenBy(path)]).toEqual([path, '403'])
  // Decoded once, each would be another spelling.
  for (const path of [
    '/%%37%30rivate/x',
    '/a/%%32e%%32e/private/x',
    '/%%70rivate',
    '/x%',
    '/x%4',
    '/x%zz',
    '/x%4%35?y',
  ])
    expect([path, await seenBy(path)]).toEqual([path, '400'])
  for (const [path, got] of [
    ['/private%2fx', 'web shop.example /private%2fx'],
    ['/private;x', 'web shop.example /private;x'],
    ['/private\\x', 'web shop.example /private\\x'],
    ['/Private', 'web shop.example /Private'],
    ['/v1?a=%zz&b=100%', 'api shop.example /v1?a=%zz&b=100%'],
    ['/v1?a=/../%62%2f', 'api shop.example /v1?a=/../b%2f'],
    ['/v1', 'api shop.example /v1'],
    ['/v1/a?b=/private', 'api shop.example /v1/a?b=/private'],
    ['/v2', 'api shop.example /v2'],
    ['/v2/', 'web shop.example /v2/'],
    ['/v11', 'web shop.example /v11'],
    ['/privateer', 'web shop.example /privateer'],
    ['/V1', 'web shop.example /V1'],
  ] as const)
    expect([path, await seenBy(path)]).toEqual([path, got])
}, 60_000)

test('the first one that matches decides, whatever it does', async () => {
  const at = (value: string) => ({ paths: [{ type: 'PathPrefix' as const, value }] })
  await follow([
    rule(toApi, at('/a')),
    rule({ type: 'redirect', statusCode: 301, path: '/never' }, at('/a')),
    rule(refuse(), at('/a/b')),
    rule(refuse(451), { ...at('/c'), hostnames: ['c.example'] }),
    rule(refuse(404)),
  ])
  expect(await seenBy('/a/b')).toBe('api shop.example /a/b')
  expect([await seenBy('/c', 'c.example'), await seenBy('/c'), await seenBy('/')]).toEqual(['451', '404', '404'])
}, 60_000)

test('a redirect keeps what it does not name', async () => {
  const to = (name: string, action: object) =>
    rule({ type: 'redirect', statusCode: 302, ...action }, { paths: [{ type: 'PathPrefix', value: `/${name}` }] })
  await follow([
    to('tls', { scheme: 'https', statusCode: 308 }),
    to('port', { scheme: 'https', port: 8443, statusCode: 307 }),
    to('host', { hostname: 'b.example', statusCode: 303 }),
    to('path', { path: '/new!&()*+,;=:@~', statusCode: 301 }),
  ])
  const led = async (path: string, host?: string) => {
    const { status, location } = await ask(path, host)
    return `${status} ${location}`
  }
  expect(await led('/tls/x?y=1&z', 'Shop.example:80')).toBe('308 https://shop.example/tls/x?y=1&z')
  expect(await led('/tls', '[fd00::1]')).toBe('308 https://[fd00::1]/tls')
  expect(await led('/port')).toBe('307 https://shop.example:8443/port')
  expect(await led('/host/?')).toMatch(/^303 http:\/\/b\.example\/host\/\??$/)
  expect(await led('/path/x?%25[env(HOME)]')).toBe('301 http://shop.example/new!&()*+,;=:@~?%25[env(HOME)]')
}, 60_000)

test('all characters that a path may have are compared, and no more than compared', async () => {
  const odd = ['!', '&', '(', ')', '*', '+', ',', ';', '=', ':', '@', '~', '-i', '--', '-f']
  await follow(odd.map((text, i) => rule(refuse(420 + i), { paths: [{ type: 'Exact', value: `/x${text}/${text}` }] })))
  for (const [i, text] of odd.entries()) expect([text, await seenBy(`/x${text}/${text}`)]).toEqual([text, `${420 + i}`])
  expect(await seenBy('/xA/A')).toBe('web shop.example /xA/A')
}, 60_000)

test('what is for nobody, and what nobody serves', async () => {
  await follow([rule(toApi, { hostnames: ['api.example'] }), rule(refuse(404))], { members: false })
  expect([await seenBy('/', 'api.example'), await seenBy('/')]).toEqual(['api api.example /', '404'])
  await follow([rule(toApi, { hostnames: ['api.example'] })], { members: false })
  expect(await seenBy('/')).toBe('503')
}, 60_000)

test('rules that change lose no request', async () => {
  const turns: BalancerRule[][] = [[rule(toApi)], [rule(toApi, { paths: [{ type: 'PathPrefix', value: '/' }] })], []]
  await follow([rule(toApi)])
  const script = `i=0; while [ ! -e /tmp/enough ]; do curl -s -m 3 -o /dev/null -w '%{http_code}\\n' http://${SHARED}/; done | sort | uniq -c`
  await cluster.nodes[0]!.run('rm', '-f', '/tmp/enough')
  const asking = run('sh', '-c', script)
  for (const rules of turns) await follow(rules)
  await cluster.nodes[0]!.run('touch', '/tmp/enough')
  const answers = (await asking).trim()
  console.log(`answers during three reloads: ${answers}`)
  expect(answers).toMatch(/^\d{2,} 200$/)
}, 120_000)
