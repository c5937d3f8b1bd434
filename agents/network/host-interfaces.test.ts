// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { readHostInterfaces, readUses, toHostInterfaces } from './host-interfaces.ts'

test('link-local addresses are none, all others count, also of interfaces that are down', () => {
  const links = [
    { ifindex: 1, ifname: 'eth0', operstate: 'UP', addr_info: [{ local: '192.0.2.7', scope: 'global' }] },
    { ifindex: 2, ifname: 'lo', addr_info: [{ local: '127.0.0.1', scope: 'host' }] },
    { ifindex: 3, ifname: 'eth1', operstate: 'DOWN', addr_info: [{ local: '2001:db8::7', scope: 'global' }] },
    { ifindex: 4, ifname: 'eth2', addr_info: [{ local: 'fe80::1', scope: 'link' }, {}] },
    { ifindex: 5, ifname: 'eth3', master: 'bond0' },
    { ifname: 'eth4' },
    {},
  ]
  expect(Object.fromEntries(toHostInterfaces(links))).toEqual({
    eth0: { ifindex: 1, addresses: ['192.0.2.7'] },
    lo: { ifindex: 2, addresses: ['127.0.0.1'] },
    eth1: { ifindex: 3, addresses: ['2001:db8::7'] },
    eth2: { ifindex: 4, addresses: [] },
    eth3: { ifindex: 5, addresses: [], master: 'bond0' },
  })
})

test('of this host', async () => {
  const lo = (await readHostInterfaces(AbortSignal.timeout(10_000))).get('lo')
  expect(lo?.addresses).toContain('127.0.0.1')
})

const ROUTE4 = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	100	00000000	0	0	0
eth1	000200C0	00000000	0001	0	0	100	00FFFFFF	0	0	0
eth2	00000000	00000000	0001	0	0	0	000000FF	0	0	0
*	00000000	00000000	0200	0	0	100	00000000	0	0	0
`
const none = '0'.repeat(32)
const route6 = (to: string, length: string, flags: string, device: string) =>
  `${to} ${length} ${none} 00 ${none} 00000400 00000001 00000000 ${flags} ${device}\n`
const ROUTE6 = [
  route6(none, '00', '00000003', 'eth3'),
  route6(none, '00', '00200200', 'lo'),
  route6(none, '08', '00000001', 'eth1'),
  route6(`fe80${'0'.repeat(28)}`, '40', '00000001', 'eth1'),
].join('')

test.each<[string, Record<string, string>, string[]]>([
  ['both', { route: ROUTE4, ipv6_route: ROUTE6 }, ['eth0', 'eth3']],
  ['without IPv6', { route: ROUTE4 }, ['eth0']],
  ['without IPv4', { route: '', ipv6_route: ROUTE6 }, ['eth3']],
])('default routes: %s', async (_, files, expected) => {
  await using stack = new AsyncDisposableStack()
  const root = await mkdtemp(join(tmpdir(), 'nephele-uses-'))
  stack.defer(() => rm(root, { recursive: true }))
  await mkdir(join(root, 'proc/net'), { recursive: true })
  for (const [name, text] of Object.entries(files)) await writeFile(join(root, 'proc/net', name), text)
  const links = new Map(['eth0', 'eth1', 'eth2', 'eth3', 'lo'].map((name) => [name, { ifindex: 1, addresses: [] }]))
  const found = await readUses(links, root)
  expect([...found].flatMap(([name, { isDefaultRoute }]) => (isDefaultRoute ? [name] : []))).toEqual(expected)
})

test('what is made of an interface, but for the bridge that it is part of', async () => {
  await using stack = new AsyncDisposableStack()
  const root = await mkdtemp(join(tmpdir(), 'nephele-uses-'))
  stack.defer(() => rm(root, { recursive: true }))
  for (const entry of ['eth0/upper_br0', 'eth0/upper_eth0.7', 'eth1/upper_br0', 'eth1/lower_eth9', 'eth2/queues'])
    await mkdir(join(root, 'sys/class/net', entry), { recursive: true })
  const link = { ifindex: 1, addresses: [] }
  const part = { ...link, master: 'br0' }
  const found = await readUses(new Map([['eth0', part], ['eth1', part], ['eth2', link], ['gone', link]]), root) // prettier-ignore
  expect(Object.fromEntries(found)).toEqual({ eth0: { ...part, uppers: ['eth0.7'] }, eth1: part, eth2: link, gone: link }) // prettier-ignore
})
