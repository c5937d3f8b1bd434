// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BalancerSpec } from '../../lib/contract/documents.ts'
import { systemdCommand, type Daemon } from '../daemons/launcher.ts'
import { BalancerDaemons } from './balancer-daemons.ts'
import { workersOf } from './haproxy-reload.ts'

const specOf = (member: string): BalancerSpec => ({
  port: {
    ...{ logicalPort: 'service-a', networkUid: 'a', mac: '02:00:00:00:00:01', mtu: 1500 },
    ...{ addresses: [{ address: '10.0.0.2', prefixLength: 24 }], gateways: [] },
  },
  sharedAddress: '10.0.0.3',
  standby: { peer: '10.0.0.4', isPreferred: true },
  listeners: [
    {
      ...{ name: 'web', port: 80, pool: 'web', rules: [], maxConnections: 10 },
      timeouts: { client: 1, connect: 1, server: 1 },
    },
  ],
  pools: [{ name: 'web', members: [{ address: member, port: 80 }] }],
})
const { signal } = new AbortController()

let folder: string
let children: ChildProcess[]
let launched: Daemon[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'balancer-'))
  children = []
  launched = []
})
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

/** A process that bears the pid file's name among its arguments, as daemons do. */
async function fakeLaunch(daemon: Daemon): Promise<void> {
  const program = 'process.on("SIGHUP", () => {}); setTimeout(() => {}, 60_000); console.log(1)'
  const child = spawn(process.execPath, ['-e', program, daemon.pidFile], { stdio: ['ignore', 'pipe', 'ignore'] })
  children.push(child)
  launched.push(daemon)
  await new Promise((resolve) => child.stdout.once('data', resolve))
  await writeFile(daemon.pidFile, `${child.pid}\n`)
}

interface FakeMaster extends AsyncDisposable {
  said: string[]
  /** Whether the next worker starts. */
  isGood: boolean
}

/** HAProxy's master process. @param reload what it answers to a reload: nothing in 2.6 */
async function fakeMaster(reload: (isGood: boolean) => string): Promise<FakeMaster> {
  const master = { said: [] as string[], isGood: true }
  let worker = 100
  const answer = (command: string) => {
    master.said.push(command)
    if (command === 'show proc')
      return `#<PID> <type> <reloads> <uptime> <version>\n1  master  1  0d  2.6.12\n# workers\n${worker}   worker   0  0d  2.6.12\n# old workers\n7  worker  1  0d  2.6.12\n# programs\n`
    if (command !== 'reload') return '1\n'
    if (master.isGood) worker++
    return reload(master.isGood)
  }
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    let text = ''
    socket.on('data', (part) => (text += String(part)))
    socket.on('end', () => socket.end(answer(text.trim())))
  })
  await new Promise<void>((resolve) => server.listen(join(folder, 'master.sock'), resolve))
  return Object.assign(master, {
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  })
}
const newer = (isGood: boolean) => `Success=${isGood ? 1 : 0}\n--\n`
const older = () => ''
const reloads = ({ said }: FakeMaster) => said.filter((command) => command === 'reload').length
const placeOf = () => ({ uid: 'u', folder, namespaceFile: '/x', certificates: new Map() })
const health = () => readFile(join(folder, 'health'), 'utf8')

test('a reload that fails is made again, also when the next document is the one before', async () => {
  const daemons = new BalancerDaemons(fakeLaunch, 0)
  await daemons.ensure(specOf('10.0.0.50'), placeOf(), signal)
  await expect(daemons.ensure(specOf('10.0.0.51'), placeOf(), signal)).rejects.toThrow('ENOENT')
  await using master = await fakeMaster(newer)
  await daemons.ensure(specOf('10.0.0.51'), placeOf(), signal)
  expect(reloads(master)).toBe(1)
  await daemons.ensure(specOf('10.0.0.51'), placeOf(), signal)
  expect(reloads(master)).toBe(1)

  master.isGood = false
  await expect(daemons.ensure(specOf('10.0.0.52'), placeOf(), signal)).rejects.toMatchObject({
    reason: 'ProxyNotReloaded',
  })
  master.isGood = true
  await daemons.ensure(specOf('10.0.0.51'), placeOf(), signal)
  expect(reloads(master)).toBe(3)
  expect(await readFile(join(folder, 'haproxy.cfg'), 'utf8')).toContain('10.0.0.51:80')
  expect(launched.map(({ name }) => name)).toEqual(['nephele-haproxy-u', 'nephele-keepalived-u'])
}, 30_000)

test('HAProxy 2.6 says nothing to a reload: another worker does', async () => {
  const daemons = new BalancerDaemons(fakeLaunch, 0)
  await daemons.ensure(specOf('10.0.0.50'), placeOf(), signal)
  await using master = await fakeMaster(older)
  await daemons.ensure(specOf('10.0.0.51'), placeOf(), signal)
  expect(reloads(master)).toBe(1)
  master.isGood = false
  await expect(daemons.ensure(specOf('10.0.0.52'), placeOf(), signal)).rejects.toMatchObject({
    reason: 'ProxyNotReloaded',
  })
}, 30_000)

test('reloads keep a distance, and of what came meanwhile the last is loaded', async () => {
  const gapMs = 1000
  const daemons = new BalancerDaemons(fakeLaunch, gapMs)
  await daemons.ensure(specOf('10.0.0.50'), placeOf(), signal)
  await using master = await fakeMaster(newer)
  const since = performance.now()
  await daemons.ensure(specOf('10.0.0.51'), placeOf(), signal)
  // As the runtime does: a document that is followed by another one is not carried out any more.
  await expect(daemons.ensure(specOf('10.0.0.52'), placeOf(), AbortSignal.timeout(50))).rejects.toThrow()
  await daemons.ensure(specOf('10.0.0.53'), placeOf(), signal)
  expect(performance.now() - since).toBeGreaterThan(gapMs - 50)
  expect(reloads(master)).toBe(2)
  expect(await readFile(join(folder, 'haproxy.cfg'), 'utf8')).toContain('10.0.0.53:80')
}, 30_000)

test('keepalived is told whether HAProxy answers', async () => {
  const daemons = new BalancerDaemons(fakeLaunch)
  const spec = specOf('10.0.0.50')
  await daemons.ensure(spec, placeOf(), signal)
  expect(await health()).toBe('-255\n')
  const master = await fakeMaster(newer)
  await daemons.look(spec, folder, signal)
  expect(await health()).toBe('0\n')
  await master[Symbol.asyncDispose]()
  await expect(daemons.look(spec, folder, signal)).rejects.toThrow()
  expect(await health()).toBe('-255\n')
}, 30_000)

test('a unit takes only so much of its node', async () => {
  await new BalancerDaemons(fakeLaunch).ensure(specOf('10.0.0.50'), placeOf(), signal)
  for (const daemon of launched)
    expect(systemdCommand(daemon)).toEqual(
      expect.arrayContaining(['--property=MemoryMax=3G', '--property=TasksMax=64']),
    )
})

test('workers of a reload that failed are old ones', () => {
  const failed =
    '1  master  2 [failed: 1]  0d  2.6.12\n# workers\n# old workers\n7  worker  1  0d  2.6.12\n# programs\n'
  expect(workersOf(failed)).toEqual([])
})
