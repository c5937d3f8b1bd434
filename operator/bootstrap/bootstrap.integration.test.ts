// SPDX-License-Identifier: Apache-2.0
// The Job of the chart with the rights that the chart gives it, against a real apiserver; what it makes is taken by a real nats-server.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { X509Certificate } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { isHook, renderChart } from '../../charts/suite/render.ts'
import { exec } from '../../lib/exec.ts'
import { HttpKubeClient } from '../../lib/kube/http-client.ts'
import { loadKubeConfig } from '../../lib/kube/kubeconfig.ts'
import { programPath } from '../../local/build/programs.ts'
import { kubeconfig } from '../../local/control-plane/kubeconfig.ts'
import { startControlPlane, type ControlPlane } from '../../local/control-plane/start.ts'
import { bootstrap } from './bootstrap.ts'

const NAMESPACE = 'nephele-system'
const NOW = new Date()
const OPTIONS = { namespace: NAMESPACE, natsReplicas: 3, natsStorageGiB: 4, now: NOW }
let plane: ControlPlane
let dir: string
let client: HttpKubeClient
/** With the rights of the CronJob. */
let renewer: HttpKubeClient

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nephele-bootstrap-'))
  plane = await startControlPlane({ controllerManager: false })
  await plane.kubectl(['create', 'namespace', NAMESPACE])
  const isOfRenewal = (m: { metadata: { name: string } }) => m.metadata.name === 'nephele-certificates'
  const rights = (await renderChart()).filter((m) => (isHook(m) || isOfRenewal(m)) && !/Job$/.test(m.kind))
  await plane.kubectl(['apply', '-f', '-'], { input: rights.map((m) => stringify(m)).join('---\n') })
  client = await connectAs('nephele-bootstrap')
  renewer = await connectAs('nephele-certificates')
}, 120_000)
afterAll(async () => {
  await client.close()
  await renewer.close()
  await plane.stop()
  await rm(dir, { recursive: true })
})

async function connectAs(account: string): Promise<HttpKubeClient> {
  const tokenFile = join(dir, `${account}.token`)
  await writeFile(tokenFile, await plane.token(NAMESPACE, account))
  const { server, certificateAuthority } = plane
  const file = join(dir, `${account}.kubeconfig`)
  await writeFile(file, kubeconfig({ server, certificateAuthority, user: { tokenFile } }))
  return new HttpKubeClient(loadKubeConfig(file))
}

type Stored = Record<string, Record<string, string>>

/** Every Secret and ConfigMap of the namespace: name → file → text. */
async function stored(): Promise<Stored> {
  const json = await plane.kubectl(['-n', NAMESPACE, 'get', 'secrets,configmaps', '-o', 'json'])
  const { items } = JSON.parse(json) as {
    items: { kind: string; metadata: { name: string }; data?: Record<string, string> }[]
  }
  const found: Stored = {}
  for (const { kind, metadata, data = {} } of items) {
    const decode = (text: string) => (kind === 'Secret' ? Buffer.from(text, 'base64').toString('utf8') : text)
    const files = Object.entries(data).map(([name, text]) => [name, decode(text)])
    Object.assign((found[metadata.name] ??= {}), Object.fromEntries(files))
  }
  return found
}

test('makes all that the chart mounts, two at once agree, and a second run changes nothing', async () => {
  await Promise.all([bootstrap(client, OPTIONS), bootstrap(client, OPTIONS)])
  const first = await stored()
  await bootstrap(client, OPTIONS)
  expect(await stored()).toEqual(first)

  const mounted = new Set<string>()
  for (const manifest of await renderChart()) {
    for (const [, name] of JSON.stringify(manifest).matchAll(/"(?:secretName|configMap":\{"name)":"([^"]+)"/g)) {
      if (name !== 'nephele-ovn-scripts') mounted.add(name!)
    }
  }
  expect([...mounted].filter((name) => !(name in first))).toEqual([])
  expect(mounted.size).toBeGreaterThanOrEqual(5)
}, 60_000)

test('certificates name their servers and come from the right authority', async () => {
  await bootstrap(client, OPTIONS)
  const found = await stored()
  const certificate = (name: string, file = 'tls.crt') => new X509Certificate(found[name]![file]!)
  const cloud = certificate('nephele-ca')
  const northbound = certificate('nephele-northbound-ca')
  expect(certificate('nephele-nats-tls').checkIssued(cloud)).toBe(true)
  expect(certificate('nephele-ovn-tls').checkIssued(cloud)).toBe(true)
  expect(certificate('nephele-operator-tls').verify(northbound.publicKey)).toBe(true)
  expect(certificate('nephele-operator-tls').verify(cloud.publicKey)).toBe(false)
  const reader = certificate('nephele-operator-southbound-tls')
  // No node has such a name, and nobody takes it for a server.
  expect([reader.verify(cloud.publicKey), reader.subject]).toEqual([true, 'CN=system:nephele-southbound-reader'])
  expect(reader.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
  expect(certificate('nephele-nats-tls').checkHost('nephele-nats.nephele-system.svc')).toBeDefined()
  expect(
    certificate('nephele-nats-tls').checkHost('nephele-nats-2.nephele-nats-members.nephele-system.svc'),
  ).toBeDefined()
  expect(certificate('nephele-ovn-tls').checkHost('nephele-ovn.nephele-system.svc')).toBeDefined()
  expect(found['nephele-ovn-tls']!['northbound-ca.crt']).toBe(found['nephele-northbound-ca']!['tls.crt'])
  expect(JSON.stringify(found['nephele-nats-config'])).not.toMatch(/S[UA][A-Z2-7]{56}/)
}, 60_000)

test('members of the bus know each other by what no node is given', async () => {
  await bootstrap(client, OPTIONS)
  const found = await stored()
  const certificate = (name: string) => new X509Certificate(found[name]!['tls.crt']!)
  const member = certificate('nephele-nats-routes-tls')
  expect(member.verify(certificate('nephele-nats-routes-ca').publicKey)).toBe(true)
  for (const name of ['nephele-ca', 'nephele-northbound-ca']) {
    expect([name, member.verify(certificate(name).publicKey)]).toEqual([name, false])
  }
  expect(found['nephele-nats-routes-tls']!['ca.crt']).toBe(found['nephele-nats-routes-ca']!['tls.crt'])
  for (const text of Object.values(found['nephele-nats-config']!)) {
    const { cluster, tls } = JSON.parse(text) as {
      cluster: { authorization: { password: string }; tls: { ca_file: string } }
      tls: { ca_file: string }
    }
    expect(cluster.authorization.password).toBe(found['nephele-nats-routes-password']!['password'])
    expect(cluster.tls).toMatchObject({ verify: true, ca_file: '/etc/nats/routes/ca.crt' })
    expect(cluster.tls.ca_file).not.toBe(tls.ca_file)
  }
}, 60_000)

test('a server certificate is renewed late in its life, by the same authority and without new bus keys', async () => {
  await bootstrap(client, OPTIONS)
  const before = await stored()
  await bootstrap(client, { ...OPTIONS, now: new Date(NOW.getTime() + 600 * 24 * 3600 * 1000) })
  const after = await stored()
  expect(after['nephele-nats-tls']).not.toEqual(before['nephele-nats-tls'])
  expect(after['nephele-nats-routes-tls']).not.toEqual(before['nephele-nats-routes-tls'])
  for (const name of [
    'nephele-ca',
    'nephele-northbound-ca',
    'nephele-nats-routes-ca',
    'nephele-nats-keys',
    'nephele-nats-config',
  ]) {
    expect(after[name]).toEqual(before[name])
  }
}, 60_000)

test('authorities are renewed late in their life, and what nodes hold stays good; all ends are to be seen', async () => {
  await bootstrap(client, OPTIONS)
  const before = await stored()
  const authorities = ['nephele-ca', 'nephele-northbound-ca', 'nephele-nats-routes-ca']
  const end = (of: Stored, name: string) => new Date(new X509Certificate(of[name]!['tls.crt']!).validTo).toISOString()
  const secrets = Object.keys(before).filter((name) => before[name]!['tls.key'] !== undefined)
  expect(before['nephele-certificates']).toEqual(Object.fromEntries(secrets.map((name) => [name, end(before, name)])))
  const late = new Date(NOW.getTime() + 2500 * 24 * 3600 * 1000)
  await bootstrap(client, { ...OPTIONS, now: late })
  const after = await stored()
  for (const name of authorities) {
    expect([name, after[name]!['tls.key']]).toEqual([name, before[name]!['tls.key']])
    expect(end(after, name) > end(before, name)).toBe(true)
  }
  // Thirty years.
  expect(after['nephele-nbd-ca']).toEqual(before['nephele-nbd-ca'])
  expect(after['nephele-ca']!['ca.crt']).toBe(after['nephele-ca']!['tls.crt'])
  expect(after['nephele-ovn-tls']!['ca.crt']).toBe(after['nephele-ca']!['tls.crt'])
  expect(after['nephele-certificates']).toEqual(Object.fromEntries(secrets.map((name) => [name, end(after, name)])))
  // What a node got from the one before, to one that has the renewed one, by OpenSSL.
  await writeFile(join(dir, 'renewed.crt'), after['nephele-ca']!['tls.crt']!)
  await writeFile(join(dir, 'leaf.crt'), before['nephele-nats-tls']!['tls.crt']!)
  await exec(['openssl', 'verify', '-no_check_time', '-CAfile', join(dir, 'renewed.crt'), join(dir, 'leaf.crt')], {
    timeoutMs: 10_000,
  })
  await bootstrap(client, { ...OPTIONS, now: late })
  expect(await stored()).toEqual(after)
}, 60_000)

test('each day, with less: certificates are renewed, and what was lost is not made anew', async () => {
  await bootstrap(client, OPTIONS)
  const daily = { ...OPTIONS, renewOnly: true }
  await bootstrap(renewer, { ...daily, now: new Date(NOW.getTime() + 4000 * 24 * 3600 * 1000) })
  const before = await stored()
  await plane.kubectl(['-n', NAMESPACE, 'delete', 'secret', 'nephele-ca'])
  await expect(bootstrap(renewer, daily)).rejects.toThrow(
    `Secret ${NAMESPACE}/nephele-ca is gone: restore it from a backup`,
  )
  // Keys of the bus it does not even see.
  await expect(bootstrap(renewer, OPTIONS)).rejects.toThrow('forbidden')
  const literals = ['tls.crt', 'tls.key'].map((file) => `--from-literal=${file}=${before['nephele-ca']![file]!}`)
  await plane.kubectl(['-n', NAMESPACE, 'create', 'secret', 'generic', 'nephele-ca', ...literals])
  // A text that is no authority is left for a person to look at.
  await plane.kubectl(['-n', NAMESPACE, 'patch', 'secret', 'nephele-ca', '-p', '{"stringData":{"tls.crt":"oops"}}'])
  await expect(bootstrap(renewer, daily)).rejects.toThrow('Secret nephele-ca has no authority')
  expect((await stored())['nephele-ca']!['tls.crt']).toBe('oops')
  const whole = JSON.stringify({ stringData: { 'tls.crt': before['nephele-ca']!['tls.crt'] } })
  await plane.kubectl(['-n', NAMESPACE, 'patch', 'secret', 'nephele-ca', '-p', whole])
}, 60_000)

test('nats-server takes the configuration of every member', async () => {
  await bootstrap(client, OPTIONS)
  const found = await stored()
  for (const [secret, folder] of [
    ['nephele-nats-tls', 'tls'],
    ['nephele-nats-routes-tls', 'routes'],
  ] as const) {
    await mkdir(join(dir, folder), { recursive: true })
    for (const [file, text] of Object.entries(found[secret]!)) await writeFile(join(dir, folder, file), text)
  }
  const configs = Object.entries(found['nephele-nats-config']!)
  expect(configs.map(([name]) => name)).toEqual(['nephele-nats-0.conf', 'nephele-nats-1.conf', 'nephele-nats-2.conf'])
  for (const [name, text] of configs) {
    await writeFile(join(dir, name), text.replaceAll('/etc/nats', dir))
    await exec([await programPath('nats-server'), '-t', '-c', join(dir, name)], { timeoutMs: 30_000 })
  }
}, 60_000)
