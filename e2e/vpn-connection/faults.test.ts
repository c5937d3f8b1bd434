// SPDX-License-Identifier: Apache-2.0
// A tunnel to a strongSwan that is not ours, by a key and by certificates, and what becomes of it when the peer, our daemon and our agent die.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SECURITY_GROUP, VPN_CONNECTION, VPN_SERVICE } from '../../lib/api/kinds.ts'
import type { VPNConnection } from '../../lib/api/types.ts'
import { createTestCertificate, type TestCertificate } from '../../lib/pki/testing/certificate.ts'
import { BEHIND, startForeignGateway, type ForeignGateway } from '../harness/foreign-gateway.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { FROM_EVERYWHERE } from '../harness/public.ts'
import { createSite, putKey, putVPNSecret, untilConnection } from '../harness/vpn.ts'
import { waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'

const KEY = 'known-to-the-office-and-to-us-1'
const CLASSIC = { encryptionAlgorithm: 'aes-256', authAlgorithm: 'sha256', pfs: 'group14' }
let project: Project
let office: ForeignGateway
let door: GuestDoor
let ours = ''

beforeAll(async () => {
  project = await Project.create('vpn-faults', { withImage: false, net: '10.83.0.0/24' })
  await project.allowUserData()
  await project.create(
    SECURITY_GROUP,
    draft.securityGroup(project.at('open'), { rules: [...FROM_EVERYWHERE.rules, { direction: 'egress' }] }),
  )
  office = await startForeignGateway(project.test)
  door = await project.openDoor({ securityGroupRefs: [{ name: 'open' }] })
  await door.within(['ip', 'route', 'replace', BEHIND.cidr, 'via', '10.83.0.1'])
  ours = await createSite(project, 'site', 'net')
  await putKey(project, 'office', KEY)
}, 180_000)
afterAll(async () => {
  const { cloud, networkNode } = project.test
  await cloud.startDaemon(networkNode, 'agent')
  await office[Symbol.asyncDispose]()
  await project.destroy()
}, 180_000)

const issuedBy = (issuer: TestCertificate | undefined) => (issuer ? { issuer } : {})
const pings = async () =>
  door.within(['ping', '-c', '1', '-W', '1', BEHIND.address]).then(
    () => true,
    () => undefined,
  )
const state = (wanted: string, reason?: string, timeoutMs = 60_000) =>
  untilConnection(project, 'office', { state: wanted, ...(reason === undefined ? {} : { reason }) }, timeoutMs)
const charon = async () => {
  const { stdout } = await project.test.cloud.exec(project.test.networkNode, ['pidof', 'charon-systemd'], {
    timeoutMs: 5000,
  })
  return stdout.trim()
}

test('a tunnel to a foreign strongSwan carries packets both ways', async () => {
  const spec = {
    ...{ vpnServiceRef: { name: 'site' }, peerAddress: office.address, peerID: 'office.example.com' },
    ...{ peerCIDRs: [BEHIND.cidr], preSharedKeySecretRef: { name: 'office' }, dpd: { intervalSeconds: 2 } },
    ...{ ikePolicy: CLASSIC, ipsecPolicy: CLASSIC },
  }
  await project.create(VPN_CONNECTION, draft.vpnConnection(project.at('office'), spec))
  await state('DOWN', 'PeerNotAnswering')
  await office.start(ours, '10.83.0.0/24', { psk: KEY })
  await state('ACTIVE', undefined, 90_000)
  await waitUntilTrue('a ping', pings)
  const { stdout } = await office.run(['ping', '-c', '3', '-i', '0.2', '-I', BEHIND.address, door.address])
  expect(stdout).toContain(' 0% packet loss')
}, 180_000)

test('the agent is killed: packets pass all the while; its charon is killed: another one is there', async () => {
  const { cloud, networkNode } = project.test
  const before = await charon()
  await cloud.stopDaemon(networkNode, 'agent', 'SIGKILL')
  expect(await pings()).toBe(true)
  await cloud.startDaemon(networkNode, 'agent')
  await waitForReady(project.test.client, VPN_SERVICE, project.at('site'))
  expect([await charon(), await pings()]).toEqual([before, true])

  await cloud.exec(networkNode, ['kill', '-9', before], { timeoutMs: 5000 })
  const begun = performance.now()
  await waitUntilTrue('a ping', pings)
  console.log(`again after a killed charon: ${(performance.now() - begun).toFixed(0)} ms`)
  expect(await charon()).not.toBe(before)
}, 120_000)

test('the peer dies: DOWN, and up again when it is back', async () => {
  await office.kill()
  const begun = performance.now()
  await state('DOWN')
  console.log(`DOWN after ${(performance.now() - begun).toFixed(0)} ms`)
  expect(await pings()).toBeUndefined()
  await office.start(ours, '10.83.0.0/24', { psk: KEY })
  await state('ACTIVE', undefined, 120_000)
  await waitUntilTrue('a ping', pings)
}, 240_000)

test('by certificates instead: packets pass, and a wrong Secret takes nothing down', async () => {
  const [cloud, authority] = await Promise.all(
    ['CN=cloud authority', 'CN=office authority'].map((subject) =>
      createTestCertificate({ subject, isAuthority: true }),
    ),
  )
  const own = await createTestCertificate({
    subject: 'CN=site',
    names: [{ type: 'ip', value: ours }],
    ...issuedBy(cloud),
  })
  const names = [{ type: 'dns' as const, value: 'office.example.com' }]
  const theirs = await createTestCertificate({ subject: 'CN=office', names, ...issuedBy(authority) })
  const { certificate, key: privateKey } = theirs
  await office.kill()
  await office.start(ours, '10.83.0.0/24', { certificate, privateKey, authority: cloud?.certificate ?? '' })
  const files = { 'tls.crt': own.certificate, 'tls.key': own.key, 'ca.crt': authority?.certificate ?? '' }
  await putVPNSecret(project, 'certificates', files, 'kubernetes.io/tls')
  const spec = { preSharedKeySecretRef: null, certificateSecretRef: { name: 'certificates' } }
  await project.patch(VPN_CONNECTION, 'office', { spec })
  const isSo = (one: VPNConnection | undefined) =>
    one?.status?.state === 'ACTIVE' && one.status.certificate?.subject === 'CN=site'
  const found = await waitForObject<VPNConnection>(project.test.client, VPN_CONNECTION, project.at('office'), isSo, {
    ...{ what: 'ACTIVE by certificate', timeoutMs: 120_000 },
  })
  expect(found?.status).toMatchObject({ localID: ours, certificate: { issuer: 'CN=cloud authority' } })
  await waitUntilTrue('a ping', pings)

  await putVPNSecret(project, 'certificates', { ...files, 'tls.key': privateKey })
  // A change of a Secret is seen within a minute, and when the connection is edited.
  await project.patch(VPN_CONNECTION, 'office', { spec: { deletionProtection: true } })
  await state('ACTIVE', 'CertificateInvalid', 90_000)
  await project.patch(VPN_CONNECTION, 'office', { spec: { deletionProtection: false } })
  await waitUntilTrue('a ping', pings)
}, 240_000)
