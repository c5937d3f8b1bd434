// SPDX-License-Identifier: Apache-2.0
// Where the kernel sends packets in a VPN's namespace: asked of it, for each interface that they come by.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { exec } from '../../lib/exec.ts'
import type { VpnSpec } from '../../lib/contract/vpn.ts'
import { ensureRouting, planTransit, setForwarding } from './routing.ts'
import { ipInside } from '../network/veth-namespace.ts'
import { CONNECTION } from './testing/connection.ts'

const name = `nephvpn-test-${process.pid}`
const soon = () => AbortSignal.timeout(20_000)
const ip = async (...args: string[]) => (await exec(['ip', '-n', name, ...args], { timeoutMs: 5000 })).stdout
/** The device that it leaves by. */
const way = async (to: string, from: string, iif: string) =>
  ip('route', 'get', to, 'from', from, 'iif', iif).then(
    (text) => /dev (\S+)/.exec(text)?.[1],
    () => 'nowhere',
  )
const spec = (...connections: VpnSpec['connections']) => ({ connections }) as VpnSpec
/** Without what the kernel adds by itself, some time after a link is up. */
const tables = async () => {
  const texts = await Promise.all(['-4', '-6'].flatMap((f) => [ip(f, 'route', 'show', 'table', 'all'), ip(f, 'rule')]))
  return texts.flatMap((text) => text.split('\n')).filter((line) => !/fe80::|ff00::/.test(line))
}
const BOTH = {
  ...CONNECTION,
  ...{ peerCIDRs: ['10.2.0.0/24', 'fd00:2::/64'], localCIDRs: ['10.1.0.0/24', 'fd00:1::/64'] },
}

beforeEach(async () => {
  await exec(['ip', 'netns', 'add', name], { timeoutMs: 5000 })
  for (const device of ['svc0', 'transit0']) {
    await ip('link', 'add', device, 'type', 'veth', 'peer', 'name', `${device}-peer`)
    await ip('link', 'set', device, 'up')
    await ip('link', 'set', `${device}-peer`, 'up')
  }
  await ip('address', 'add', '203.0.113.5/24', 'dev', 'svc0')
  await ip('route', 'add', 'default', 'via', '203.0.113.1')
  await ip('address', 'add', 'fd00:9::5/64', 'dev', 'svc0', 'nodad')
  await ip('-6', 'route', 'add', 'default', 'via', 'fd00:9::1')
  await ipInside(name, planTransit(1442), soon())
  await setForwarding(name, soon())
})
afterEach(() => exec(['ip', 'netns', 'delete', name], { timeoutMs: 5000 }))
const addTunnelDevice = async () => {
  await ip('tuntap', 'add', 'dev', 'ipsec0', 'mode', 'tun')
  await ip('link', 'set', 'ipsec0', 'up')
}

describe('with the tunnel’s device', () => {
  beforeEach(async () => {
    await addTunnelDevice()
    await ensureRouting(name, spec(BOTH), soon())
  })
  test.each([
    ['from the router to a peer: the tunnel', '10.2.0.9', '10.1.0.9', 'transit0', 'ipsec0'],
    ['from the router to anything else: nowhere', '198.51.100.1', '10.1.0.9', 'transit0', 'nowhere'],
    ['from the router to the peer itself: nowhere', '203.0.113.9', '10.1.0.9', 'transit0', 'nowhere'],
    ['from the tunnel to our ranges: the router', '10.1.0.9', '10.2.0.9', 'ipsec0', 'transit0'],
    ['from the tunnel to anything else: nowhere', '10.9.0.9', '10.2.0.9', 'ipsec0', 'nowhere'],
    ['from the tunnel to the outside: nowhere', '203.0.113.1', '10.2.0.9', 'ipsec0', 'nowhere'],
    ['from outside to our ranges: nowhere', '10.1.0.9', '198.51.100.1', 'svc0', 'nowhere'],
    ['from outside to a peer: nowhere', '10.2.0.9', '198.51.100.1', 'svc0', 'nowhere'],
    ['from outside to charon', '203.0.113.5', '198.51.100.1', 'svc0', 'lo'],
    ['IPv6: from the router to a peer: the tunnel', 'fd00:2::9', 'fd00:1::9', 'transit0', 'ipsec0'],
    ['IPv6: from the router to anything else: nowhere', '2001:db8::1', 'fd00:1::9', 'transit0', 'nowhere'],
    ['IPv6: from the router to hosts outside: nowhere', 'fd00:9::7', 'fd00:1::9', 'transit0', 'nowhere'],
    ['IPv6: from the tunnel to our ranges: the router', 'fd00:1::9', 'fd00:2::9', 'ipsec0', 'transit0'],
    ['IPv6: from the tunnel to anything else: nowhere', 'fd00:8::9', 'fd00:2::9', 'ipsec0', 'nowhere'],
    ['IPv6: from the tunnel to the outside: nowhere', 'fd00:9::1', 'fd00:2::9', 'ipsec0', 'nowhere'],
    ['IPv6: from outside to our ranges: nowhere', 'fd00:1::9', '2001:db8::1', 'svc0', 'nowhere'],
    ['IPv6: from outside to a peer: nowhere', 'fd00:2::9', '2001:db8::1', 'svc0', 'nowhere'],
    ['IPv6: from outside to charon', 'fd00:9::5', '2001:db8::1', 'svc0', 'lo'],
  ])('%s', async (_, to, from, iif, expected) => {
    expect(await way(to, from, iif)).toBe(expected)
  })

  test('again it changes nothing, and what is asked for no more goes', async () => {
    const before = await tables()
    await ensureRouting(name, spec(BOTH), soon())
    expect(await tables()).toEqual(before)
    const other = { ...CONNECTION, peerCIDRs: ['10.3.0.0/24'], localCIDRs: ['10.1.0.0/25'] }
    await ensureRouting(name, spec(other), soon())
    expect(await Promise.all(['10.2.0.9', '10.3.0.9'].map((to) => way(to, '10.1.0.9', 'transit0')))).toEqual([
      'nowhere',
      'ipsec0',
    ])
    expect(await way('10.1.0.200', '10.3.0.9', 'ipsec0')).toBe('nowhere')
    expect(await ip('route', 'get', '198.51.100.1')).toContain('via 203.0.113.1')
    expect(await ip('route', 'get', '2001:db8::1')).toContain('via fd00:9::1')
    expect(await way('fd00:2::9', 'fd00:1::9', 'transit0')).toBe('nowhere')
  })
})

test.each([
  ['10.2.0.9', '10.1.0.9'],
  ['fd00:2::9', 'fd00:1::9'],
])('while there is none, what is for peer %s is refused, and leaves by nothing else', async (peer, own) => {
  await ensureRouting(name, spec(BOTH), soon())
  expect(await way(peer, own, 'transit0')).toBe('nowhere')
  await addTunnelDevice()
  await ensureRouting(name, spec(BOTH), soon())
  expect(await way(peer, own, 'transit0')).toBe('ipsec0')
  await ip('link', 'delete', 'ipsec0')
  expect(await way(peer, own, 'transit0')).toBe('nowhere')
})
