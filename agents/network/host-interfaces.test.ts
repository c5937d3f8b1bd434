// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { readHostInterfaces, readUses, silenceHost, toHostInterfaces, unsilenceHost } from './host-interfaces.ts'

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

/** A folder like /proc/sys/net with devices, and one key of each protocol. */
async function sysctls(stack: AsyncDisposableStack, devices: Record<string, { v4?: string; v6?: string }>) {
  const folder = await mkdtemp(join(tmpdir(), 'nephele-sysctl-'))
  stack.defer(() => rm(folder, { recursive: true }))
  const files = (device: string) => ({
    v4: join(folder, 'ipv4/conf', device, 'arp_ignore'),
    v6: join(folder, 'ipv6/conf', device, 'disable_ipv6'),
  })
  for (const [device, values] of Object.entries(devices)) {
    for (const [key, value] of Object.entries(values)) {
      const file = files(device)[key as 'v4' | 'v6']
      await mkdir(join(file, '..'), { recursive: true })
      await writeFile(file, `${value}\n`)
    }
  }
  const read = async (device: string) => {
    const { v4, v6 } = files(device)
    return [(await readFile(v4, 'utf8')).trim(), v6 && (await readFile(v6, 'utf8').catch(() => '-')).trim()]
  }
  return { folder, read }
}

const DEFAULT = { v4: '1', v6: '0' }

test.each<[string, { v4: string; v6?: string }, string[]]>([
  ['eth2', { v4: '0', v6: '0' }, ['8', '1']],
  ['eth2.100', { v4: '0', v6: '0' }, ['8', '1']],
  ['eth2', { v4: '8', v6: '1' }, ['8', '1']],
  ['eth2', { v4: '0' }, ['8', '-']],
])('%s %j: the host is silent there, and again as a new device when it is given back', async (device, held, silent) => {
  await using stack = new AsyncDisposableStack()
  const others = { eth1: { v4: '0', v6: '0' }, all: { v4: '0', v6: '0' }, default: DEFAULT }
  const { folder, read } = await sysctls(stack, { ...others, [device]: held })
  await silenceHost(device, folder)
  expect(await read(device)).toEqual(silent)
  await unsilenceHost(device, folder)
  expect(await read(device)).toEqual(['1', held.v6 === undefined ? '-' : '0'])
  expect([await read('eth1'), await read('all'), await read('default')]).toEqual([['0', '0'], ['0', '0'], ['1', '0']]) // prettier-ignore
})

test('a device that went gets no files; a name that is none is refused', async () => {
  await using stack = new AsyncDisposableStack()
  const { folder, read } = await sysctls(stack, { default: DEFAULT, all: DEFAULT })
  await silenceHost('eth2', folder)
  await unsilenceHost('eth2', folder)
  expect(await readdir(join(folder, 'ipv4/conf'))).toEqual(['all', 'default'])
  for (const name of ['..', '.', '../conf/all', 'all', 'default', ''])
    await expect(silenceHost(name, folder)).rejects.toThrow('not a device name')
  expect(await read('all')).toEqual(['1', '0'])
})

test('what cannot be written is an error, and the other is written', async () => {
  await using stack = new AsyncDisposableStack()
  const { folder, read } = await sysctls(stack, { default: DEFAULT, eth2: { v4: '0' } })
  await mkdir(join(folder, 'ipv6/conf/eth2/disable_ipv6'), { recursive: true })
  await expect(silenceHost('eth2', folder)).rejects.toThrow('EISDIR')
  expect(await read('eth2')).toEqual(['8', '-'])
})
