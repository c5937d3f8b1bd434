// SPDX-License-Identifier: Apache-2.0
// A stolen node runs a NATS server of its own and dials the members of the bus: a route speaks for any account, so it must never open.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { programPath } from '../../local/build/programs.ts'
import { freePorts } from '../../local/host/free-port.ts'
import { createAuthority, loadAuthority, signKey, type Authority } from '../pki/authority.ts'
import { createPrivateKey, publicKeyOf } from '../pki/key.ts'
import { until } from '../time/until.ts'
import { createAccountKey, createUserKey } from './nkey.ts'
import { toServerConfig, type TlsFiles } from './server-config.ts'

const PASSWORD = '0123456789abcdef0123456789abcdef'
const SEEN_WITHIN_MS = 1_500
let dir: string
let program: string
const children: ChildProcess[] = []
const tls = {} as Record<'cloud' | 'member' | 'node' | 'made', TlsFiles>

beforeAll(async () => {
  program = await programPath('nats-server')
  dir = await mkdtemp(join(tmpdir(), 'nephele-routes-'))
  const now = new Date()
  const cloud = await createAuthority('cloud', 10, now)
  const routes = await createAuthority('routes', 10, now)
  const made = await createAuthority('routes', 10, now)
  const names = { commonName: 'server', names: ['127.0.0.1'] }
  const sign = async (name: keyof typeof tls, authority: Authority, ca: string) => {
    const key = await createPrivateKey()
    await store(name, key, await signKey(publicKeyOf(key), names, { authority, days: 5, now }), ca)
  }
  await sign('cloud', await loadAuthority(cloud), cloud.certificate)
  // As nodes are signed, and by a name that the servers would take.
  await sign('node', await loadAuthority(cloud), cloud.certificate)
  await sign('member', await loadAuthority(routes), routes.certificate)
  // One that the node made for itself, by the right name.
  await sign('made', await loadAuthority(made), routes.certificate)
}, 60_000)

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})
afterAll(() => rm(dir, { recursive: true, force: true }))

async function store(name: keyof typeof tls, key: string, certificate: string, ca: string): Promise<void> {
  const files = { certFile: `${name}.crt`, keyFile: `${name}.key`, caFile: `${name}-ca.crt` }
  tls[name] = {
    certFile: join(dir, files.certFile),
    keyFile: join(dir, files.keyFile),
    caFile: join(dir, files.caFile),
  }
  await writeFile(tls[name].certFile, certificate)
  await writeFile(tls[name].keyFile, key, { mode: 0o600 })
  await writeFile(tls[name].caFile, ca)
}

async function run(name: string, config: string): Promise<void> {
  const [file, log] = [join(dir, `${name}.conf`), join(dir, `${name}.log`)]
  await rm(log, { force: true })
  await writeFile(file, config)
  children.push(spawn(program, ['-c', file, '-l', log], { stdio: 'ignore' }))
  let said = ''
  const isReady = async () => (said = await readFile(log, 'utf8').catch(() => '')).includes('Server is ready')
  await until(isReady, () => `${name}: ${said}`, 10_000, 50)
}

const isSeen = (probe: () => Promise<boolean>): Promise<boolean> =>
  until(probe, 'routes', SEEN_WITHIN_MS, 50).catch(() => false)

/** Names of the servers that this one has a route to. https://docs.nats.io/running-a-nats-service/nats_admin/monitoring#route-information-routez */
async function routesOf(monitor: number): Promise<string[]> {
  const answer = await fetch(`http://127.0.0.1:${monitor}/routez`)
  const { routes } = (await answer.json()) as { routes: { remote_name?: string }[] }
  return [...new Set(routes.map((r) => r.remote_name ?? '?'))].sort()
}

/** A member as this cloud configures it, `lax` without what keeps others away. */
async function startMember(lax: boolean): Promise<{ route: number; monitor: number }> {
  const [client = 0, route = 0, monitor = 0] = await freePorts(3)
  await mkdir(join(dir, 'store'), { recursive: true })
  const text = toServerConfig({
    serverName: 'member',
    listen: `127.0.0.1:${client}`,
    httpListen: `127.0.0.1:${monitor}`,
    storeDir: join(dir, 'store'),
    maxFileBytes: 2 ** 26,
    maxMemoryBytes: 2 ** 26,
    tls: tls.cloud,
    issuerPublicKey: createAccountKey().publicKey,
    calloutPublicKey: createUserKey().publicKey,
    operatorPublicKey: createUserKey().publicKey,
    systemPublicKey: createUserKey().publicKey,
    cluster: {
      name: 'nephele',
      listen: `127.0.0.1:${route}`,
      members: [`127.0.0.1:${route}`],
      tls: lax ? tls.cloud : tls.member,
      password: PASSWORD,
    },
  })
  const config = JSON.parse(text) as { cluster: { authorization?: unknown } }
  if (lax) delete config.cluster.authorization
  await run('member', JSON.stringify(config))
  return { route, monitor }
}

/** Whatever a server says that is not ours: its own account APP, the name of our cluster. */
async function startRogue(target: number, own: TlsFiles, password: string | undefined): Promise<number> {
  const [client, route, monitor = 0] = await freePorts(3)
  const user = password === undefined ? '' : `member:${password}@`
  await run(
    'rogue',
    JSON.stringify({
      server_name: 'rogue',
      listen: `127.0.0.1:${client}`,
      http: `127.0.0.1:${monitor}`,
      accounts: { APP: { users: [{ user: 'rogue', password: 'rogue' }] } },
      cluster: {
        name: 'nephele',
        listen: `127.0.0.1:${route}`,
        routes: [`tls://${user}127.0.0.1:${target}`],
        // A rogue does not care who answers.
        tls: { cert_file: own.certFile, key_file: own.keyFile, ca_file: own.caFile, insecure: true },
      },
    }),
  )
  return monitor
}

test.each([
  ['a node certificate', 'node', undefined],
  ['a node certificate and the password', 'node', PASSWORD],
  ['a certificate of its own make and the password', 'made', PASSWORD],
  ['a member certificate without the password', 'member', undefined],
  ['a member certificate and a guessed password', 'member', PASSWORD.replace('f', 'e')],
] as const)(
  '%s opens no route',
  async (_name, certificate, password) => {
    const member = await startMember(false)
    const rogue = await startRogue(member.route, tls[certificate], password)
    expect(await isSeen(async () => (await routesOf(member.monitor)).length > 0)).toBe(false)
    expect(await routesOf(rogue)).toEqual([])
  },
  30_000,
)

test('a member with certificate and password does, within that time', async () => {
  const member = await startMember(false)
  await startRogue(member.route, tls.member, PASSWORD)
  expect(await isSeen(async () => (await routesOf(member.monitor)).includes('rogue'))).toBe(true)
}, 30_000)

test('and so does a node where members trust all that the cloud signed and ask for no password', async () => {
  const member = await startMember(true)
  await startRogue(member.route, tls.node, undefined)
  expect(await isSeen(async () => (await routesOf(member.monitor)).includes('rogue'))).toBe(true)
}, 30_000)
