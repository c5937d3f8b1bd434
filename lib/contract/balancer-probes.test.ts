// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { BalancerProbes, readProbes, toProbes, type ObservedMember } from './balancer-probes.ts'
import { BalancerSpec, type BalancerPool } from './balancer-spec.ts'

const monitor = { intervalSeconds: 5, timeoutSeconds: 3, successThreshold: 1, failureThreshold: 2 }
const pool = (name: string, count: number, more: Partial<BalancerPool> = {}): BalancerPool => ({
  ...{ name, monitor },
  members: Array.from({ length: count }, (_, i) => ({
    address: `2001:db8:1234:5678:9abc:def0:1234:${1000 + i}`,
    port: 60000,
  })),
  ...more,
})
const seen = (pools: readonly BalancerPool[], isUp: boolean): ObservedMember[] =>
  pools.flatMap(({ name, members }) =>
    members.map((one) => ({ pool: name, ...one, isUp, ...(isUp ? {} : { why: 'L4TOUT' }) })),
  )

test('who is down, and who is up by not being named, is read again as it was', () => {
  const pools = [pool('a', 2), { ...pool('b', 1), monitor: undefined }, pool('c', 1)]
  const probed = pools.filter((one) => one.monitor)
  const found = [...seen(probed.slice(0, 1), true), ...seen(probed.slice(1), false)]
  const probes = toProbes(found, pools)
  expect(probes?.down).toEqual([{ pool: 2, member: 0, why: 'L4TOUT' }])
  expect(readProbes(probes, pools)).toEqual(found)
})

test('nothing is said while one was not looked at, and nothing is read of other members', () => {
  const pools = [pool('a', 2)]
  expect(toProbes(seen([pool('a', 1)], true), pools)).toBeUndefined()
  expect(readProbes(toProbes(seen(pools, true), pools), [pool('a', 3)])).toBeUndefined()
  expect(readProbes(undefined, pools)).toBeUndefined()
})

test('with all members down it is small, whatever its author calls the pools', () => {
  const pools = Array.from({ length: 16 }, (_, i) => pool(`${i}`.padEnd(63, 'x'), 16))
  const probes = toProbes(seen(pools, false), pools)
  expect(BalancerProbes.parse(probes)).toEqual(probes)
  expect(probes?.down).toHaveLength(256)
  expect(JSON.stringify(probes).length).toBeLessThan(12 * 1024)
})

test('expected codes are ranges that ascend: HAProxy takes no others', () => {
  const isTaken = (expectedCodes: string) => {
    const thresholds = { intervalSeconds: 1, timeoutSeconds: 1, successThreshold: 1, failureThreshold: 1 }
    const monitor = { ...thresholds, http: { path: '/', expectedCodes } }
    return BalancerSpec.shape.pools.safeParse([{ ...pool('p', 1), monitor }]).success
  }
  expect(['200', '200-200', '200-299,301'].map(isTaken)).toEqual([true, true, true])
  expect(['299-200', '200,204-203'].map(isTaken)).toEqual([false, false])
})

test('a document has as many members as a proxy may have, of all pools together', () => {
  const members = (counts: readonly number[]) =>
    BalancerSpec.shape.pools.safeParse(counts.map((count, i) => pool(`p${i}`, count))).success
  expect([members([200, 56]), members([200, 57])]).toEqual([true, false])
})
