// SPDX-License-Identifier: Apache-2.0
// What stays of members in the status of a large balancer, and what its next run makes of it.
import { describe, expect, test } from '@jest/globals'
import type { LoadBalancer } from '../../../lib/api/types.ts'
import type { MemberStatus } from './member-status.ts'
import { observePool } from './observe.ts'
import { poolsOf } from './pools.ts'
import { MOST_MEMBER_BYTES, isHidden, showMembers } from './shown-members.ts'

const NOW = '2026-01-02T00:00:00Z'
const BEFORE = '2026-01-01T00:00:00Z'
const member = (i: number, status: MemberStatus['status'] = 'ONLINE', since = BEFORE): MemberStatus => ({
  ...{ name: `web-${String(i).padStart(3, '0')}`, ipAddress: `10.0.${i >> 8}.${i & 255}`, port: 8080, status, since },
  ...(status === 'OFFLINE' ? { reason: 'NoAnswer', message: `nothing answers at 10.0.0.${i}, tcp port 8080` } : {}),
})
const bytesOf = (pools: readonly { members: readonly MemberStatus[] }[]) =>
  pools.reduce((sum, { members }) => sum + Buffer.byteLength(JSON.stringify(members)), 0)
const many = (count: number) => Array.from({ length: count }, (_, i) => member(i))

describe('members are shown', () => {
  test('all, where there are as many as usual', () => {
    const members = [...many(20), member(20, 'OFFLINE')]
    const [shown] = showMembers([members])
    expect(shown).toEqual({ members, memberCounts: { online: 20, offline: 1, unmonitored: 0 } })
    expect(shown && isHidden(shown)).toBe(false)
  })

  test('in so many bytes at most, whatever they are called and of however many pools', () => {
    const long = (i: number): MemberStatus => ({
      ...member(i, 'OFFLINE'),
      name: 'ü'.repeat(120),
      message: 'x'.repeat(512),
    })
    for (const pools of [[many(256)], Array.from({ length: 64 }, () => many(4)), [many(200).map((_, i) => long(i))]])
      expect(bytesOf(showMembers(pools))).toBeLessThanOrEqual(MOST_MEMBER_BYTES + 2 * pools.length)
  })

  test('of too many those first that are OFFLINE, the longest of these before others, and all are counted', () => {
    const at = (i: number) => `2026-01-01T00:0${i}:00Z`
    const out = [5, 3, 1].map((minute, i) => member(240 + i, 'OFFLINE', at(minute)))
    const [shown] = showMembers([[...many(240), ...out]])
    expect(shown?.memberCounts).toEqual({ online: 240, offline: 3, unmonitored: 0 })
    expect(shown?.members.slice(-3)).toEqual(out)
    const all = Array.from({ length: 100 }, (_, i) => member(i, 'OFFLINE', i % 2 === 0 ? NOW : BEFORE))
    const listed = showMembers([all])[0]?.members ?? []
    expect(listed.length).toBeGreaterThan(10)
    expect(new Set(listed.map(({ since }) => since))).toEqual(new Set([BEFORE]))
  })
})

describe('the next run, of a pool of which not all were shown', () => {
  const spec = {
    listeners: [{ name: 'l', protocol: 'tcp', port: 80, healthMonitor: {} }],
  } as unknown as LoadBalancer['spec']
  const [pool] = poolsOf(spec)
  const found = Array.from({ length: 60 }, (_, i) => {
    const { name, ipAddress = '', port = 0 } = member(i)
    const own = { port: { metadata: { uid: `uid-${i}` } }, subnet: { metadata: { uid: 's' } } } as never
    return { name, address: ipAddress, port, own }
  })
  const run = (before: readonly MemberStatus[], offline: ReadonlySet<number>, hasProbes = true) => {
    const [status] = showMembers([before])
    if (!status || !pool) throw new Error('none')
    return observePool(pool, found, {
      before: { listeners: [{ name: 'l', port: 80, ...status }] },
      network: {
        hasProbes: () => hasProbes,
        probeOf: ({ portUid }) => (offline.has(Number(portUid.slice(4))) ? 'offline' : 'online'),
      },
      ...{ proxies: { probed: undefined }, sources: new Map([['s', '10.0.0.2']]), now: NOW },
    })
  }

  test('knows since when one is OFFLINE that was none of the OFFLINE ones', () => {
    const members = run(many(60), new Set([59])) ?? []
    expect(members[59]).toMatchObject({ status: 'OFFLINE', since: NOW })
    expect(members[0]).toMatchObject({ status: 'ONLINE', since: BEFORE })
    expect(members[58]).not.toHaveProperty('since')
  })

  test('does not know it of one that may have been it before', () => {
    const before = many(60).map((_, i) => member(i, 'OFFLINE', i < 30 ? BEFORE : NOW))
    const members = run(before, new Set(found.keys())) ?? []
    expect(members[0]).toMatchObject({ since: BEFORE })
    expect(members[59]).not.toHaveProperty('since')
    // Whoever was shown stays; it comes after them, and before those that are well.
    const shown = (some: readonly MemberStatus[]) => showMembers([some])[0]?.members.map(({ name }) => name)
    expect(shown(before)).toEqual(expect.arrayContaining(shown(members) ?? []))
    const well = members.map((one, i) => (i < 59 ? member(i) : one))
    expect(shown(well)).toContain('web-059')
  })

  test('says nothing before probes are known', () => {
    expect(run(many(60), new Set(), false)).toBeUndefined()
    expect(run(many(10), new Set(), false)).toHaveLength(60)
  })
})
