// SPDX-License-Identifier: Apache-2.0
// HAProxy ends TLS on a gateway node: which certificate it shows, how it takes a renewed one, and what becomes of one that it cannot show.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { sealedUse, type BalancerCertificate, type BalancerDocument } from '../../lib/contract/documents.ts'
import { servicePortMac, servicePortName } from '../../lib/contract/service-port.ts'
import { createSealingKey, seal, sealingKeyOf } from '../../lib/pki/sealed.ts'
import { createTestCertificate, type TestCertificate } from '../../lib/pki/testing/certificate.ts'
import { until } from '../../lib/time/until.ts'
import { pathIn } from '../../local/node/node.ts'
import type { LogicalServicePorts, LogicalWant } from '../../operator/network/logical-kinds.ts'
import { OvnNetworkDriver } from '../../operator/network/ovn/ovn-network-driver.ts'
import { ensureAll } from '../../operator/network/ovn/testing/drift.ts'
import { serviceNamespace } from '../network/service-ports.ts'
import { startCluster, startInNode, type TestCluster } from '../network/testing/cluster.ts'

const [uid, networkUid] = [randomUUID(), randomUUID()]
const owner = { namespace: 'ns', name: 'x', generation: 1 }
const [NODE, OWN, SHARED] = ['left', '10.7.0.11', '10.7.0.13']
const NODE_PROGRAM = '/opt/nephele/bin/node'
const rows: LogicalServicePorts = {
  ...{ kind: 'ServicePort', ...owner, uid, networkUid },
  ports: [{ node: NODE, addresses: [OWN], alsoSpeaksFor: [SHARED] }],
}
const WORLD: readonly LogicalWant[] = [{ kind: 'Network', ...owner, uid: networkUid, mtu: 1442 }, rows]
const soon = () => AbortSignal.timeout(20_000)
const sealingKey = createSealingKey()
const toldOf = (name: string, { certificate, key }: TestCertificate): BalancerCertificate => ({
  ...{ name, chain: certificate },
  sealedKey: seal(key, sealingKeyOf(sealingKey), { node: NODE, uid, ...sealedUse(name) }),
})
let generation = 0
const documentOf = (certificates: BalancerCertificate[], minVersion: '1.2' | '1.3' = '1.2'): BalancerDocument => ({
  ...{ v: 1, kind: 'balancer', uid, node: NODE, namespace: 'ns', name: 'web', tombstone: false },
  versions: { incarnation: 1, term: 1, epoch: 1, generation: ++generation },
  spec: {
    port: {
      ...{ logicalPort: servicePortName(uid, NODE), networkUid, mac: servicePortMac(uid, NODE), mtu: 1442 },
      ...{ addresses: [{ address: OWN, prefixLength: 24 }], gateways: [] },
    },
    ...{ sharedAddress: SHARED, certificates },
    listeners: [
      {
        ...{ name: 'web', port: 443, pool: 'web', rules: [], maxConnections: 100 },
        timeouts: { client: 50, connect: 5, server: 50 },
        tls: { certificates: certificates.map(({ name }) => name), minVersion },
      },
      {
        ...{ name: 'plain', port: 80, pool: 'plain', maxConnections: 100 },
        timeouts: { client: 50, connect: 5, server: 50 },
        rules: [{ hostnames: [], paths: [], action: { type: 'redirect', statusCode: 301, scheme: 'https' } }],
      },
    ],
    pools: [
      { name: 'web', members: [{ address: OWN, port: 8080 }] },
      { name: 'plain', members: [] },
    ],
  },
})

let cluster: TestCluster
let driver: OvnNetworkDriver
let shop: TestCertificate
let other: TestCertificate
const run = (...argv: string[]) => cluster.nodes[0]!.run(...argv)
const inside = (...argv: string[]) => run('ip', 'netns', 'exec', serviceNamespace(uid), ...argv)
const agent = () => cluster.nodes[0]!.agent

beforeAll(async () => {
  cluster = await startCluster([NODE], '10.98.242')
  const file = pathIn(cluster.nodes[0]!.node, '/var/lib/nephele/pki/sealing.key')
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, sealingKey, { mode: 0o600 })
  agent().send({ configure: { roles: { gateway: true }, certificate: 'on disk', ovnRemote: cluster.ovnRemote } })
  await agent().waitLine('configured')
  driver = new OvnNetworkDriver({ remotes: [{ transport: 'unix', path: cluster.northboundSocket }] })
  driver.start(new AbortController().signal)
  await driver.claimTerm(1, 1, soon())
  await ensureAll(driver, WORLD, soon)
  shop = await createTestCertificate({ names: ['shop.example.com'] })
  other = await createTestCertificate({ names: ['*.other.example.com'] })
}, 120_000)
afterAll(async () => {
  await driver?.close()
  await cluster?.stop()
}, 60_000)

interface Shown {
  name?: string
  protocol?: string
  alpn?: string | false
  serial?: string
  error?: string
}
/** What a client is shown that asks for this name. */
async function handshake(servername: string, more: object = {}): Promise<Shown> {
  const options = JSON.stringify({
    ...{ host: SHARED, port: 443, servername, rejectUnauthorized: false, ALPNProtocols: ['h2', 'http/1.1'] },
    ...more,
  })
  const program = `const s = require('node:tls').connect(${options}, () => {
    const c = s.getPeerCertificate()
    console.log(JSON.stringify({ name: c.subject.CN, serial: c.serialNumber, protocol: s.getProtocol(), alpn: s.alpnProtocol }))
    s.end()
  }); s.on('error', (e) => console.log(JSON.stringify({ error: e.code ?? e.message })))`
  return JSON.parse(await inside(NODE_PROGRAM, '-e', program)) as Shown
}
const curl = ['curl', '-s', '-m', '2', '--resolve', `shop.example.com:443:${SHARED}`]
const files = () => run('sh', '-c', `stat -c '%a %U %n' /run/nephele/balancers/${uid}/tls/* | sed 's|/run.*/||'`)

test('certificates by SNI, renewal without a lost request, a wrong one that changes nothing, and keys that nobody else reads', async () => {
  agent().send({ document: documentOf([toldOf('shop', shop), toldOf('other', other)]) })
  await agent().waitState('balancer', uid, 'active', 20_000)
  const echo =
    '#!/bin/sh\nh=$(while read -r l && [ "$l" != "$(printf "\\r")" ]; do echo "$l"; done)\nprintf "HTTP/1.0 200 OK\\r\\n\\r\\n%s" "$h"\n'
  await run('sh', '-c', 'printf "%s" "$1" > /tmp/echo; chmod 755 /tmp/echo', 'sh', echo)
  const listen = ['socat', 'TCP-LISTEN:8080,fork,reuseaddr', 'EXEC:/tmp/echo']
  const endMember = startInNode(cluster.nodes[0]!.node, ['ip', 'netns', 'exec', serviceNamespace(uid), ...listen])
  await until(async () => (await handshake('shop.example.com')).name === 'shop.example.com', 'TLS', 10_000, 200)

  // By the name that is asked for; who asks for another one is shown the first.
  expect(await handshake('a.other.example.com')).toMatchObject({ name: '*.other.example.com', alpn: 'h2' })
  expect(await handshake('elsewhere.example.net')).toMatchObject({ name: 'shop.example.com', protocol: 'TLSv1.3' })
  expect(await handshake('shop.example.com', { maxVersion: 'TLSv1.2' })).toMatchObject({ protocol: 'TLSv1.2' })
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' }
  expect(await handshake('shop.example.com', old)).toHaveProperty('error')
  expect(await handshake('shop.example.com', { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' })).toHaveProperty('error')

  // A client that checks it, and what the member is told.
  await run('sh', '-c', 'printf "%s" "$1" > /tmp/trusted.pem', 'sh', shop.certificate)
  const said = await inside(
    ...curl,
    '--cacert',
    '/tmp/trusted.pem',
    '-H',
    'X-Forwarded-Proto: http',
    'https://shop.example.com/',
  )
  expect(said.toLowerCase()).toContain('x-forwarded-proto: https')
  expect(said.toLowerCase()).not.toContain('x-forwarded-proto: http\r')
  expect(said.toLowerCase()).toContain('x-forwarded-port: 443')

  // Who asks in clear is sent to it.
  const plain = ['curl', '-s', '-m', '2', '-o', '/dev/null', '-w', '%{http_code} %{redirect_url}']
  const clear = await inside(...plain, '-H', 'Host: shop.example.com', `http://${SHARED}/a?b=c`)
  expect(clear).toBe('301 https://shop.example.com/a?b=c')

  expect((await files()).trim().split('\n')).toEqual([
    expect.stringMatching(/^600 root [0-9a-f]{32}\.pem$/),
    expect.stringMatching(/^600 root [0-9a-f]{32}\.pem$/),
  ])
  const pids = (await run('pgrep', '-u', 'haproxy', 'haproxy')).trim().split('\n')
  expect(pids).toHaveLength(1)
  // What hears tenants cannot read them.
  await expect(
    run('setpriv', '--reuid', 'haproxy', '--clear-groups', 'sh', '-c', `cat /run/nephele/balancers/${uid}/tls/*`),
  ).rejects.toThrow('Permission denied')
  const folder = (await run('stat', '-f', '-c', '%T', `/run/nephele/balancers/${uid}/tls`)).trim()
  expect(folder).toBe('tmpfs')

  // Renewed: clients that trust both ask without a pause.
  const renewed = await createTestCertificate({ names: ['shop.example.com'] })
  await run('sh', '-c', 'printf "%s" "$1" > /tmp/trusted.pem', 'sh', shop.certificate + renewed.certificate)
  const ask = `${curl.join(' ')} --cacert /tmp/trusted.pem -o /dev/null -w '%{http_code}\\n' https://shop.example.com/ || echo lost`
  const script = `end=$(($(date +%s) + 8)); while [ $(date +%s) -lt $end ]; do ${ask}; done`
  const asking = inside('sh', '-c', script)
  await new Promise((resolve) => setTimeout(resolve, 2000))
  const before = await handshake('shop.example.com')
  agent().send({ document: documentOf([toldOf('shop', renewed), toldOf('other', other)]) })
  await until(
    async () => (await handshake('shop.example.com')).serial !== before.serial,
    'the renewed one',
    15_000,
    200,
  )
  const answers = (await asking).trim().split('\n')
  console.log(`${answers.length} requests while a certificate was renewed`)
  expect(answers.length).toBeGreaterThan(5)
  expect(answers.filter((answer) => answer !== '200')).toEqual([])
  expect((await files()).trim().split('\n')).toHaveLength(2)

  // Its key belongs to another: it is said, and the one before is shown on.
  const now = await handshake('shop.example.com')
  const broken = await createTestCertificate({ names: ['shop.example.com'] })
  agent().send({ document: documentOf([toldOf('shop', { ...broken, key: renewed.key }), toldOf('other', other)]) })
  const why = () => agent().observed('balancer', uid)?.error?.reason
  await until(async () => why() === 'CertificateInvalid', why, 10_000, 100)
  expect(await handshake('shop.example.com')).toEqual(now)

  // It is 1.3 alone that is spoken, with the next certificate that fits.
  agent().send({ document: documentOf([toldOf('shop', renewed)], '1.3') })
  const refused = async () => (await handshake('shop.example.com', { maxVersion: 'TLSv1.2' })).error !== undefined
  await until(refused, '1.2 to be refused', 20_000, 200)
  expect(await handshake('a.other.example.com')).toMatchObject({ name: 'shop.example.com', protocol: 'TLSv1.3' })
  expect((await files()).trim().split('\n')).toHaveLength(1)

  endMember()
  const { v, kind, node, namespace, name, versions } = documentOf([])
  agent().send({ document: { ...{ v, kind, uid, node, namespace, name, versions }, tombstone: true } })
  await agent().waitState('balancer', uid, 'gone', 20_000)
  expect(
    (
      await run(
        'sh',
        '-c',
        'ls /run/nephele/balancers; find / -xdev -name "*.pem" -newer /tmp/echo -path "*balancers*"',
      )
    ).trim(),
  ).toBe('')
}, 120_000)
