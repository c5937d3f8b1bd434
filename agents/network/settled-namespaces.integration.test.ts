// SPDX-License-Identifier: Apache-2.0
// A namespace of a service that nobody touches costs no process; whatever changes in it is seen, and mended.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { ServicePort } from '../../lib/contract/service-port.ts'
import { exec } from '../../lib/exec.ts'
import { until } from '../../lib/time/until.ts'
import type { RunContext } from '../runtime/reconciler.ts'
import { serviceNamespace, ServicePorts } from './service-ports.ts'
import { SettledNamespaces, withoutCounters } from './settled-namespaces.ts'
import { MemoryPortDriver } from './testing/memory-port-driver.ts'

const hasIPv6 = existsSync('/proc/net/if_inet6')
const signal = new AbortController().signal
const context = { bootId: 'boot', signal } as RunContext
let uid: string
let name: string
let device: string
let want: ServicePort
let ports: ServicePorts
let program: ChildProcess | undefined
const ip = async (...args: string[]) => (await exec(['ip', ...args], { timeoutMs: 5000 })).stdout
const inside = (...args: string[]) => ip('-n', name, ...args)

/** As the reconcilers do. @returns whether it was settled */
async function pass(): Promise<boolean> {
  const settling = await ports.settle(uid, { asked: want, devices: [], pid: program?.pid })
  const { isSettled } = settling
  await ports.ensure(uid, want, context, { isSettled })
  await settling.end()
  return isSettled
}
/** Passes until one has nothing to do. @returns how many had */
async function settle(): Promise<number> {
  for (let n = 0; n < 5; n++) if (await pass()) return n
  throw new Error('it does not settle')
}
/** Of processes that this one has started and seen end: proc(5), cminflt. */
const faultsOfChildren = async () => (await readFile('/proc/self/stat', 'utf8')).split(') ')[1]?.split(' ')[8]

async function endProgram(): Promise<void> {
  const held = program
  program = undefined
  if (!held) return
  const ended = new Promise((resolve) => held.once('exit', resolve))
  held.kill('SIGKILL')
  await ended
}

async function startProgram(): Promise<void> {
  await endProgram()
  const started = spawn('nsenter', [`--net=/run/netns/${name}`, '--', 'sleep', '600'], { stdio: 'ignore' })
  program = started
  const isIn = async () => (await readFile(`/proc/${started.pid}/comm`, 'utf8').catch(() => '')).trim() === 'sleep'
  await until(isIn, 'the program in its namespace', 5000, 20)
}

beforeEach(async () => {
  uid = randomUUID()
  name = serviceNamespace(uid)
  device = `svc${uid.slice(0, 11)}`
  // No packets pass: the host of the test need not have ethtool.
  ports = new ServicePorts(new MemoryPortDriver(), undefined, () => Promise.resolve())
  want = {
    ...{ logicalPort: `service-${uid}-00000000`, networkUid: 'net', mac: '2e:00:00:00:00:01', mtu: 1442 },
    addresses: [
      { address: '10.7.0.11', prefixLength: 24 },
      ...(hasIPv6 ? [{ address: 'fd00:7::11', prefixLength: 64 }] : []),
    ],
    gateways: ['10.7.0.1', ...(hasIPv6 ? ['fd00:7::1'] : [])],
  }
  expect(await pass()).toBe(false)
  await startProgram()
  await settle()
}, 30_000)
afterEach(async () => {
  await endProgram()
  await ports.remove(uid, signal)
})

test('nothing is started for one that is as it was left', async () => {
  const before = await faultsOfChildren()
  expect(before).toMatch(/^\d+$/)
  for (let n = 0; n < 5; n++) expect(await pass()).toBe(true)
  expect(await faultsOfChildren()).toBe(before)
  await ip('link', 'show', 'lo')
  expect(await faultsOfChildren()).not.toBe(before)
}, 30_000)

test.each<[string, () => Promise<unknown>]>([
  ['an address that went', () => inside('address', 'delete', '10.7.0.11/24', 'dev', 'svc0')],
  ['an address too many', () => inside('address', 'add', '10.7.0.99/24', 'dev', 'svc0')],
  ['its way outside that went', () => inside('route', 'delete', 'default')],
  ['another way outside', () => inside('route', 'replace', 'default', 'via', '10.7.0.77')],
  ['its interface down', () => inside('link', 'set', 'svc0', 'down')],
  ['its other end down', () => ip('link', 'set', device, 'down')],
  ['another MTU of the other end', () => ip('link', 'set', device, 'mtu', '1300')],
  ['the pair that went', () => ip('link', 'delete', device)],
  ...(hasIPv6
    ? ([
        ['an IPv6 address that went', () => inside('address', 'delete', 'fd00:7::11/64', 'dev', 'svc0')],
        ['another IPv6 way', () => inside('-6', 'route', 'replace', 'default', 'via', 'fd00:7::77')],
      ] as [string, () => Promise<unknown>][])
    : []),
])(
  '%s is seen and mended',
  async (_, change) => {
    await change()
    expect(await pass()).toBe(false)
    await settle()
    expect(await inside('route', 'show', 'default')).toMatch(/^default via 10\.7\.0\.1 dev svc0 *\n?$/)
    expect(await inside('-o', '-4', 'address', 'show', 'dev', 'svc0')).toMatch(/^[^\n]*10\.7\.0\.11\/24[^\n]*\n$/)
    if (hasIPv6) expect(await inside('-6', 'route', 'show', 'default')).toMatch(/^default via fd00:7::1 dev svc0/)
    if (hasIPv6) expect(await inside('-o', '-6', 'address', 'show', 'dev', 'svc0')).toContain('fd00:7::11/64')
    expect(await readFile(`/sys/class/net/${device}/mtu`, 'utf8')).toBe('1442\n')
  },
  30_000,
)

test('another wish, a program that has gone, and a namespace of the same name are looked at', async () => {
  want = { ...want, mtu: 1400 }
  expect(await pass()).toBe(false)
  await settle()
  expect(await readFile(`/sys/class/net/${device}/mtu`, 'utf8')).toBe('1400\n')

  // The program is in the one that was there before.
  await ip('netns', 'delete', name)
  await ip('link', 'delete', device)
  expect(await pass()).toBe(false)
  expect(await pass()).toBe(false)
  await startProgram()
  await settle()

  await endProgram()
  expect(await pass()).toBe(false)
}, 30_000)

test('what these files do not show is looked at now and then', async () => {
  let now = 0
  const settled = new SettledNamespaces(() => now)
  const standing = { name, devices: [device], pid: program?.pid, asked: want }
  await (await settled.begin(uid, standing)).end()
  now += 14 * 60_000
  expect((await settled.begin(uid, standing)).isSettled).toBe(true)
  now += 2 * 60_000
  expect((await settled.begin(uid, standing)).isSettled).toBe(false)
  // A pass that failed has settled nothing.
  expect((await settled.begin(uid, standing)).isSettled).toBe(false)
}, 30_000)

test('what changed during a pass is looked at by the next one', async () => {
  const settled = new SettledNamespaces()
  const standing = { name, devices: [device], pid: program?.pid, asked: want }
  const settling = await settled.begin(uid, standing)
  await inside('address', 'add', '10.7.0.99/32', 'dev', 'svc0')
  await settling.end()
  expect((await settled.begin(uid, standing)).isSettled).toBe(false)
}, 30_000)

test('counters are no change', () => {
  const route = 'fd000007000000000000000000000000 40 00000000000000000000000000000000 00 0 00000100'
  expect(withoutCounters('ipv6_route', `${route} 00000001 00000007 00000001     svc0\n`)).toBe(
    withoutCounters('ipv6_route', `${route} 00000002 00000009 00000001     svc0\n`),
  )
  expect(withoutCounters('ipv6_route', `${route} 00000001 00000000 00000001 svc0`)).not.toBe(
    withoutCounters('ipv6_route', `${route} 00000001 00000000 00000001 svc1`),
  )
  expect(withoutCounters('dev', '  svc0: 1 2 3\n')).toBe(withoutCounters('dev', '  svc0: 4 5 6\n'))
})
