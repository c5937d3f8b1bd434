// SPDX-License-Identifier: Apache-2.0
// Rules of an HTTP listener: one machine answers one hostname, another the rest; some paths are refused, others lead elsewhere, also from outside; and
// a member that is a balancer is refused.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { FLOATING_IP, INSTANCE, LOAD_BALANCER, ROUTER, SECURITY_GROUP } from '../../lib/api/kinds.ts'
import type { FloatingIP, LoadBalancer } from '../../lib/api/types.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { outsideGateway } from '../harness/outside.ts'
import { Project } from '../harness/project.ts'
import { FROM_EVERYWHERE, PUBLIC } from '../harness/public.ts'
import { waitForReady, waitUntilTrue } from '../harness/wait.ts'

const VIP = '10.86.0.100'
let project: Project
let door: GuestDoor
beforeAll(async () => {
  project = await Project.create('rules', { net: '10.86.0.0/24' })
  await project.create(SECURITY_GROUP, draft.securityGroup(project.at('open'), FROM_EVERYWHERE))
  const securityGroupRefs = [{ name: 'default' }, { name: 'open' }]
  ;({ door } = await project.bootGuests({ one: { securityGroupRefs }, two: { securityGroupRefs } }))
  const interfaces = [{ subnetRef: { name: 'net' } }]
  await project.create(ROUTER, draft.router(project.at('r'), { interfaces, externalGateway: PUBLIC }))
  await waitForReady(project.test.client, ROUTER, project.at('r'))
  await Promise.all(['one', 'two'].map((name) => project.waitForMark(name, 'login')))
  await project.patch(INSTANCE, 'one', { metadata: { labels: { app: 'web' } } })
  await project.patch(INSTANCE, 'two', { metadata: { labels: { app: 'api' } } })
}, 180_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

const balancer = () => project.test.client.get<LoadBalancer>(LOAD_BALANCER, project.at('web'))
/** What a host of the network gets: the body of 200, or else the status and where it leads. */
async function ask(path: string, host = 'shop.example'): Promise<string> {
  const format = '\n%{http_code} %{redirect_url}'
  const argv = ['curl', '-s', '-m', '3', '-H', `Host: ${host}`, '-w', format, `http://${VIP}${path}`]
  const { stdout } = await door.within(argv).catch(() => ({ stdout: '\n-' }))
  const end = stdout.lastIndexOf('\n')
  const said = stdout.slice(end + 1).trim()
  return said === '200' ? stdout.slice(0, end).trim() : said
}
const untilAsked = (path: string, host: string, want: string) =>
  waitUntilTrue(`${want} from ${host}${path}`, async () => (await ask(path, host)) === want || undefined, 60_000)
const by = (app: string) => [{ instanceSelector: { matchLabels: { app } } }]
const healthMonitor = { path: '/boot_id', intervalSeconds: 1, timeoutSeconds: 1 }
const API = { name: 'api', hostnames: ['*.api.example'], pool: { members: by('api'), healthMonitor } }
const PRIVATE = { name: 'private', paths: [{ type: 'PathPrefix', value: '/private' }], reject: {} }
const TLS = { name: 'tls', hostnames: ['tls.example'], redirect: { scheme: 'https', statusCode: 301 } }
const listening = (rules: object[], more: object = {}) => [{ name: 'http', protocol: 'http', port: 80, rules, ...more }]

test('each request goes where the first rule says that matches it', async () => {
  const listeners = listening([PRIVATE, API, TLS], { members: by('web'), healthMonitor })
  const spec = { vip: { subnetRef: { name: 'net' }, ipAddress: VIP }, listeners }
  await project.create(LOAD_BALANCER, draft.loadBalancer(project.at('web'), spec))
  await waitForReady(project.test.client, LOAD_BALANCER, project.at('web'))
  await untilAsked('/', 'shop.example', 'one')
  await untilAsked('/', 'v1.api.example', 'two')
  expect(await ask('/', 'api.example')).toBe('one')
  expect([await ask('/private/x'), await ask('/x/../private', 'v1.api.example')]).toEqual(['403', '403'])
  expect(await ask('/x?y=1', 'tls.example')).toBe('301 https://tls.example/x?y=1')
}, 120_000)

test('members of a rule are probed, left out and taken in again, and their status says so', async () => {
  const said = async () => {
    const { status } = await balancer()
    const [member] = status?.listeners?.[0]?.rules?.[0]?.members ?? []
    return [status?.operatingStatus, member?.name, member?.status, member?.reason].join(' ').trim()
  }
  const until = (want: string) => waitUntilTrue(want, async () => (await said()) === want || undefined, 30_000)
  await until('ONLINE two ONLINE')
  const two = await project.get('two')
  await door.ssh(two, 'mv /tmp/www/boot_id /tmp/www/away')
  await until('DEGRADED two OFFLINE NoAnswer')
  await untilAsked('/', 'v1.api.example', '503')
  expect(await ask('/')).toBe('one')
  await door.ssh(two, 'mv /tmp/www/away /tmp/www/boot_id')
  await until('ONLINE two ONLINE')
  await untilAsked('/', 'v1.api.example', 'two')
}, 120_000)

test('from outside by a FloatingIP, too', async () => {
  const outside = outsideGateway(project.test)
  await project.create(
    FLOATING_IP,
    draft.floatingIP(project.at('out'), { ...PUBLIC, loadBalancerRef: { name: 'web' } }),
  )
  const { status } = await waitForReady<FloatingIP>(project.test.client, FLOATING_IP, project.at('out'))
  await waitUntilTrue(
    'the listener’s own member outside',
    async () => (await outside.fetch(status?.ipAddress ?? '')) === 'one' || undefined,
  )
}, 60_000)

test('rules change live; without members of its own, a listener finds nothing for the rest', async () => {
  await project.patch(LOAD_BALANCER, 'web', { spec: { listeners: listening([API]) } })
  await untilAsked('/', 'shop.example', '404')
  expect([await ask('/', 'v1.api.example'), await ask('/private', 'tls.example')]).toEqual(['two', '404'])
  expect((await balancer()).status?.operatingStatus).toBe('ONLINE')
}, 90_000)

test('a balancer that is to be its own member says so, and serves the rest', async () => {
  await project.patch(LOAD_BALANCER, 'web', {
    spec: { listeners: listening([API], { members: [{ ipAddress: VIP }] }) },
  })
  await untilAsked('/', 'shop.example', '503')
  const ready = (await balancer()).status?.conditions?.find(({ type }) => type === 'Ready')
  expect(ready).toMatchObject({ status: 'False', reason: 'MemberIsBalancer' })
  expect(await ask('/', 'v1.api.example')).toBe('two')
}, 90_000)
