// SPDX-License-Identifier: Apache-2.0
// HTTPS: clients outside check the certificate that a Secret holds; a renewed one is taken without a lost request, a broken one is said and changes
// nothing; and private keys are in clear nowhere but where HAProxy reads them.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { readdir, readFile } from 'node:fs/promises'
import {
  EVENT,
  FLOATING_IP,
  INSTANCE,
  LOAD_BALANCER,
  ROUTER,
  SECRET,
  SECURITY_GROUP,
  TLS_LABEL,
} from '../../lib/api/kinds.ts'
import type { FloatingIP, Instance, LoadBalancer } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import { createTestCertificate, type TestCertificate } from '../../lib/pki/testing/certificate.ts'
import { untilBalancer } from '../harness/balancer.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import { askOverTls } from '../harness/https-client.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { FROM_EVERYWHERE, PUBLIC } from '../harness/public.ts'
import { waitForReady, waitUntilTrue } from '../harness/wait.ts'

const [SHOP, OTHER] = ['shop.example.com', 'blog.other.example.com']
let project: Project
let one: Instance
let door: GuestDoor
let root: TestCertificate
let shop: TestCertificate
let other: TestCertificate
let address: string
beforeAll(async () => {
  project = await Project.create('tls', { net: '10.86.0.0/24' })
  root = await createTestCertificate({ names: ['root'], isAuthority: true, until: 3650 })
  shop = await createTestCertificate({ names: [SHOP], issuer: root })
  other = await createTestCertificate({ names: ['*.other.example.com'], issuer: root, algorithm: 'RSA-2048' })
  await project.create(SECURITY_GROUP, draft.securityGroup(project.at('open'), FROM_EVERYWHERE))
  const securityGroupRefs = [{ name: 'default' }, { name: 'open' }]
  ;({ one, door } = await project.bootGuests({ one: { securityGroupRefs } }))
  const interfaces = [{ subnetRef: { name: 'net' } }]
  await project.create(ROUTER, draft.router(project.at('r'), { interfaces, externalGateway: PUBLIC }))
  await waitForReady(project.test.client, ROUTER, project.at('r'))
  await project.waitForMark('one', 'login')
  await project.patch(INSTANCE, 'one', { metadata: { labels: { app: 'web' } } })
  const script = `printf '#!/bin/sh\\necho\\necho "$HTTP_X_FORWARDED_PROTO $HTTP_HOST"\\n' > /tmp/www/cgi-bin/who; chmod 755 /tmp/www/cgi-bin/who`
  await door.ssh(one, script)
}, 180_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

const base64 = (text: string) => Buffer.from(text).toString('base64')
const dataOf = ({ certificate, key }: Pick<TestCertificate, 'certificate' | 'key'>) => ({
  'tls.crt': base64(certificate + root.certificate),
  'tls.key': base64(key),
})
const putSecret = (name: string, from: TestCertificate) =>
  project.test.client.create(SECRET, {
    metadata: { ...project.at(name), labels: { [TLS_LABEL]: 'true' } },
    ...{ type: 'kubernetes.io/tls', data: dataOf(from) },
  })
const replaceSecret = async (name: string, by: Pick<TestCertificate, 'certificate' | 'key'>) => {
  await project.test.client.mergePatch(SECRET, project.at(name), { data: dataOf(by) })
  // Who edits the balancer has its Secrets looked at at once.
  await project.patch(LOAD_BALANCER, 'web', { spec: { description: `${Date.now()}` } })
}
const reasonOf = ({ status }: LoadBalancer, type: string) => findCondition(status?.conditions, type)?.reason
const ask = async (hostname: string, path = '/cgi-bin/who', forMs = 0) =>
  askOverTls(project.test, { address, hostname, path, trusted: root.certificate }, forMs)

test('a namespace that lets no Secret be read is told what to do; then clients are shown the certificate of the name that they ask for', async () => {
  await putSecret('shop', shop)
  await putSecret('other', other)
  const members = [{ instanceSelector: { matchLabels: { app: 'web' } }, port: 80 }]
  const tls = { certificateSecretRefs: [{ name: 'shop' }, { name: 'other' }] }
  const listeners = [{ name: 'web', protocol: 'https', port: 443, members, tls }]
  const spec = { vip: { subnetRef: { name: 'net' } }, listeners }
  await project.create(LOAD_BALANCER, draft.loadBalancer(project.at('web'), spec))
  await untilBalancer(project, 'SecretNotPermitted', (found) => reasonOf(found, 'Ready') === 'SecretNotPermitted')
  await project.allowUserData()
  await waitForReady(project.test.client, LOAD_BALANCER, project.at('web'), 120_000)
  const out = { ...PUBLIC, loadBalancerRef: { name: 'web' } }
  await project.create(FLOATING_IP, draft.floatingIP(project.at('out'), out))
  const { status } = await waitForReady<FloatingIP>(project.test.client, FLOATING_IP, project.at('out'))
  address = status?.ipAddress ?? ''

  const serialOf = async (hostname: string) =>
    waitUntilTrue(`an answer as ${hostname}`, async () => {
      const [answer] = await ask(hostname)
      return answer?.status === 200 ? answer : undefined
    })
  const first = await serialOf(SHOP)
  expect(first).toMatchObject({ body: `https ${SHOP}`, protocol: 'TLSv1.3' })
  const second = await serialOf(OTHER)
  expect(second.serial).not.toBe(first.serial)
  // Who asks for a name that nobody has is shown the first, and refuses it.
  expect(await ask('elsewhere.example.net')).toEqual([{ error: 'ERR_TLS_CERT_ALTNAME_INVALID' }])
  const balancer = await project.test.client.get<LoadBalancer>(LOAD_BALANCER, project.at('web'))
  expect(balancer.status?.certificates?.map(({ secret, dnsNames }) => [secret, dnsNames])).toEqual([
    ['shop', [SHOP]],
    ['other', ['*.other.example.com']],
  ])
  expect(reasonOf(balancer, 'CertificatesValid')).toBe('AllValid')
}, 240_000)

test('private keys are on neither the bus nor the disks of nodes', async () => {
  const { cloud } = project.test
  const [node = ''] = (
    (await project.test.client.get<LoadBalancer>(LOAD_BALANCER, project.at('web'))).status?.proxies ?? []
  ).map((proxy) => proxy.node)
  const { uid } = (await project.test.client.get<LoadBalancer>(LOAD_BALANCER, project.at('web'))).metadata
  const count = async (text: string, ...argv: string[]) =>
    Number((await cloud.exec(node, ['sh', '-c', `grep -rlF -e "$1" ${argv.join(' ')} | wc -l`, 'sh', text])).stdout)
  // A line of the key's own, in PEM as in JSON.
  const line = shop.key.split('\n')[1]?.slice(8, 56) ?? ''
  const shown = shop.certificate.split('\n')[5] ?? ''
  expect(await count(line, `/run/nephele/balancers/${uid}/tls`)).toBe(1)
  expect(await count(shown, '/var/lib/nephele/documents')).toBe(1)
  expect(await count(line, '/var/lib/nephele', '/var/log')).toBe(0)
  const stored = await readdir(cloud.layout.natsStore, { recursive: true, withFileTypes: true })
  let seen = 0
  for (const file of stored.filter((entry) => entry.isFile())) {
    const bytes = await readFile(`${file.parentPath}/${file.name}`)
    expect([file.name, bytes.includes(line)]).toEqual([file.name, false])
    if (bytes.includes(shown)) seen++
  }
  // The test looks where the documents are.
  expect(seen).toBeGreaterThan(0)
}, 60_000)

test('a renewed certificate is taken without a lost request', async () => {
  const renewed = await createTestCertificate({ names: [SHOP], issuer: root })
  const asking = ask(SHOP, '/cgi-bin/who', 20_000)
  await new Promise((resolve) => setTimeout(resolve, 2000))
  await replaceSecret('shop', renewed)
  const answers = await asking
  console.log(`${answers.length} requests while a certificate was renewed`)
  expect(answers.filter(({ status }) => status !== 200)).toEqual([])
  expect(new Set(answers.map(({ serial }) => serial)).size).toBe(2)
  shop = renewed
}, 90_000)

test.each<[string, string, () => Promise<Pick<TestCertificate, 'certificate' | 'key'>>]>([
  ['whose key is another’s', 'CertificateInvalid', async () => ({ ...shop, key: other.key })],
  [
    'that expired',
    'CertificateExpired',
    () => createTestCertificate({ names: [SHOP], issuer: root, until: -1, from: -9 }),
  ],
])(
  'one %s is said, and the one before is shown on',
  async (_, reason, make) => {
    const [before] = await ask(SHOP)
    await replaceSecret('shop', await make())
    const found = await untilBalancer(project, reason, (balancer) => reasonOf(balancer, 'CertificatesValid') === reason)
    expect(findCondition(found?.status?.conditions, 'CertificatesValid')?.message).toContain('before stays in use')
    expect((await ask(SHOP))[0]).toEqual(before)
    await replaceSecret('shop', shop)
    await untilBalancer(project, 'it to be well again', (balancer) => reasonOf(balancer, 'Ready') === 'Ready')
  },
  120_000,
)

test('one that ends soon is said before', async () => {
  await replaceSecret('shop', await createTestCertificate({ names: [SHOP], issuer: root, until: 5, from: -85 }))
  await untilBalancer(
    project,
    'that it expires soon',
    (found) => reasonOf(found, 'CertificatesValid') === 'CertificateExpiresSoon',
  )
  const { items } = await project.test.client.listPage<{ reason?: string } & LoadBalancer>(EVENT, {
    namespace: project.namespace,
  })
  expect(items.map(({ reason }) => reason)).toContain('CertificateExpiresSoon')
}, 120_000)
