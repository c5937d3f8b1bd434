// SPDX-License-Identifier: Apache-2.0
// A charon that is told what an agent tells it, and a strongSwan that its administrator has set up by hand: who accepts whom by certificates, and why
// not; and IPv6, outside and inside.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { CRITICAL_EXTENSIONS, type VpnCertificate } from '../../lib/contract/vpn.ts'
import { exec } from '../../lib/exec.ts'
import { createTestCertificate, type TestCertificate } from '../../lib/pki/testing/certificate.ts'
import { ViciClient } from '../../lib/vici/client.ts'
import { waitUntil } from '../../local/host/wait.ts'
import { ensureRootfs } from '../../local/rootfs/build.ts'
import { strongswanConf } from './charon-config.ts'
import { startCharon, type TestCharon } from './testing/charon.ts'
import { CONNECTION } from './testing/connection.ts'
import { LoadedRecord } from './loaded-record.ts'
import type { OpenConnection, OpenSpec } from './open-spec.ts'
import { Tunnels } from './tunnels.ts'

const [OURS, THEIRS] = ['198.18.0.1', '198.18.0.2']
const [OURS_V6, THEIRS_V6] = ['fd00:99::1', 'fd00:99::2']
const SUBJECT = 'C=CH, O=Office, CN=gw'
const netns = (name: string) => `vpncert-${name}-${process.pid}`
let dir: string
let ours: TestCharon
let theirs: TestCharon
let vici: ViciClient
let tunnels: Tunnels
/** Authorities of both sides, one that nobody knows, and one between ours and our certificate. */
const [root, office, stranger, between] = [{}, {}, {}, {}] as [
  TestCertificate,
  TestCertificate,
  TestCertificate,
  TestCertificate,
]
let own: TestCertificate

beforeAll(async () => {
  const rootfs = process.env['NEPHELE_ROOTFS'] ?? (await ensureRootfs())
  dir = await mkdtemp(join(tmpdir(), 'nephele-vpn-'))
  for (const name of ['a', 'b']) await exec(['ip', 'netns', 'add', netns(name)], { timeoutMs: 5000 })
  const link = [
    'ip',
    '-n',
    netns('a'),
    'link',
    'add',
    'eth0',
    'type',
    'veth',
    'peer',
    'name',
    'eth0',
    'netns',
    netns('b'),
  ] as const
  await exec(link, { timeoutMs: 5000 })
  for (const [name, address] of [
    ['a', OURS],
    ['b', THEIRS],
  ] as const)
    for (const args of [
      ['link', 'set', 'eth0', 'up'],
      ['link', 'set', 'lo', 'up'],
      ['address', 'add', `${address}/24`, 'dev', 'eth0'],
    ])
      await exec(['ip', '-n', netns(name), ...args], { timeoutMs: 5000 })
  const authority = (subject: string, issuer?: TestCertificate) =>
    createTestCertificate({ subject, isAuthority: true, ...(issuer ? { issuer } : {}) })
  for (const [one, subject] of [
    [root, 'CN=root'],
    [office, 'CN=office'],
    [stranger, 'CN=stranger'],
  ] as const)
    Object.assign(one, await authority(subject))
  Object.assign(between, await authority('CN=between', root))
  own = await createTestCertificate({ subject: 'CN=cloud', names: [{ type: 'ip', value: OURS }], issuer: between })
  ours = await startCharon(rootfs, netns('a'), join(dir, 'a'), strongswanConf('/run/charon.vici'))
  theirs = await startCharon(rootfs, netns('b'), join(dir, 'b'), FOREIGN)
}, 120_000)
afterEach(() => vici.close())
afterAll(async () => {
  await ours[Symbol.asyncDispose]()
  await theirs[Symbol.asyncDispose]()
  for (const name of ['a', 'b']) await exec(['ip', 'netns', 'delete', netns(name)], { timeoutMs: 5000 })
  await rm(dir, { recursive: true, force: true })
})

const FOREIGN = `charon-systemd {
  load = random nonce openssl pem pkcs1 pkcs8 x509 pubkey kernel-libipsec kernel-netlink socket-default vici
  install_routes = no
  plugins {
    vici {
      socket = unix:///run/charon.vici
    }
    kernel-libipsec {
      load = yes
    }
  }
}
`

interface Peer {
  certificate: TestCertificate
  /** As whom it proves itself. */
  id: string
  /** Whom it believes. */
  authority?: TestCertificate
  ourID?: string
  addresses?: { ours: string; theirs: string }
  ranges?: { ours: readonly string[]; theirs: readonly string[] }
}

/** As its administrator would. */
async function setForeign(peer: Peer): Promise<void> {
  const { certificate, id, authority = root, addresses = { ours: OURS, theirs: THEIRS } } = peer
  const { ourID = addresses.ours } = peer
  const { ranges = { ours: CONNECTION.localCIDRs, theirs: CONNECTION.peerCIDRs } } = peer
  const conf = `connections {
  site {
    version = 2
    local_addrs = ${addresses.theirs}
    remote_addrs = ${addresses.ours}
    proposals = aes256gcm16-prfsha256-ecp256
    local {
      auth = pubkey
      certs = /run/own.pem
      id = "${id}"
    }
    remote {
      auth = pubkey
      cacerts = /run/ca.pem
      id = "${ourID}"
    }
    children {
      net {
        local_ts = ${ranges.theirs.join(',')}
        remote_ts = ${ranges.ours.join(',')}
        esp_proposals = aes256gcm16-ecp256
      }
    }
  }
}
`
  const files = {
    'own.pem': certificate.certificate,
    'private/own.pem': certificate.key,
    'ca.pem': authority.certificate,
  }
  await mkdir(join(dir, 'b', 'private'), { recursive: true })
  for (const [name, text] of Object.entries({ ...files, 'site.conf': conf }))
    await writeFile(join(dir, 'b', name), text)
  const uri = ['--uri', 'unix:///run/charon.vici']
  await theirs.run(['swanctl', '--load-all', '--clear', '--file', '/run/site.conf', ...uri])
}

async function connect(): Promise<void> {
  tunnels = new Tunnels(new LoadedRecord(join(dir, 'loaded')))
  vici = await ViciClient.connect(ours.socket, {
    timeoutMs: 10_000,
    onEvent: (event, message) => void tunnels.onEvent(event, message),
  })
  for (const event of ['list-sa', 'log', 'ike-updown', 'child-updown']) await vici.subscribe(event)
}

const toBase64 = (pem: string) => pem.replace(/-----[A-Z ]+-----|\s/g, '')
const certificateOf = (one: TestCertificate, chain: TestCertificate[], authority: TestCertificate): VpnCertificate => ({
  chain: [one, ...chain].map(({ certificate }) => toBase64(certificate)),
  ...{ privateKey: toBase64(one.key), authorities: [toBase64(authority.certificate)] },
})

/** What is said of the tunnel once it is up, or why not. */
async function observe(certificate: VpnCertificate, more: Partial<OpenConnection> = {}): Promise<string> {
  const id = 'a'.repeat(64)
  const connection: OpenConnection = { ...CONNECTION }
  delete connection.preSharedKey
  const spec = {
    outside: {
      addresses: [
        { address: OURS, prefixLength: 24 },
        { address: OURS_V6, prefixLength: 64 },
      ],
    },
    connections: [{ ...connection, peerAddress: THEIRS, peerID: THEIRS, localID: OURS, certificate: id, ...more }],
    certificates: { [id]: certificate },
  } as OpenSpec
  await connect()
  // Of the case before.
  await tunnels.ensure({ ...spec, connections: [] }, vici)
  return waitUntil<string>(
    'a word',
    async () => {
      await tunnels.ensure(spec, vici)
      const [tunnel] = tunnels.observe()
      if (tunnel?.up === true) return 'up'
      return tunnel?.reason === 'Connecting' ? undefined : tunnel?.reason
    },
    { timeoutMs: 20_000, everyMs: 200 },
  )
}

const leafOf = (issuer: TestCertificate, more: object = {}) =>
  createTestCertificate({ subject: SUBJECT, names: [{ type: 'ip', value: THEIRS }], issuer, ...more })
const mine = () => certificateOf(own, [between], office)

describe('accepted', () => {
  test('by address, with an authority between that the peer does not have', async () => {
    await setForeign({ certificate: await leafOf(office), id: THEIRS })
    expect(await observe(mine())).toBe('up')
    expect(await vici.request('get-keys')).toMatchObject({ keys: [expect.any(String)] })
  }, 60_000)

  test.each([
    ['a DNS name', { names: [{ type: 'dns', value: 'gw.example.com' }] }, 'gw.example.com'],
    ['an e-mail address', { names: [{ type: 'email', value: 'gw@example.com' }] }, 'gw@example.com'],
    ['its subject', { names: [] }, SUBJECT],
    ['RSA', { algorithm: 'RSA-2048' }, THEIRS],
  ])(
    '%s',
    async (_, more, id) => {
      await setForeign({ certificate: await leafOf(office, more), id })
      expect(await observe(mine(), { peerID: id })).toBe('up')
    },
    60_000,
  )

  test('ourselves by our subject and RSA; of the former key nothing is left', async () => {
    const other = await leafOf(root, { subject: 'O=Cloud, CN=cloud', names: [], algorithm: 'RSA-2048' })
    await setForeign({ certificate: await leafOf(office), id: THEIRS, ourID: 'O=Cloud, CN=cloud' })
    expect(await observe(certificateOf(other, [], office), { localID: 'O=Cloud, CN=cloud' })).toBe('up')
    expect((await vici.request('get-keys'))['keys']).toHaveLength(1)
  }, 60_000)
})

describe('refused', () => {
  test('a peer of another authority', async () => {
    await setForeign({ certificate: await leafOf(stranger), id: THEIRS })
    expect(await observe(mine())).toBe('PeerCertificateRefused')
  }, 60_000)

  test('a peer of an authority that another connection trusts', async () => {
    await setForeign({ certificate: await leafOf(stranger), id: THEIRS })
    expect(await observe(certificateOf(own, [between], stranger))).toBe('up')
    vici.close()
    expect(await observe(mine())).toBe('PeerCertificateRefused')
  }, 60_000)

  test('a peer whose certificate has expired', async () => {
    await setForeign({ certificate: await leafOf(office, { from: -3, until: -1 }), id: THEIRS })
    expect(await observe(mine())).toBe('PeerCertificateRefused')
  }, 60_000)

  test('a peer that is somebody else', async () => {
    const names = [{ type: 'dns', value: 'other.example.com' }]
    await setForeign({ certificate: await leafOf(office, { names }), id: 'other.example.com' })
    expect(await observe(mine(), { peerID: 'gw.example.com' })).toBe('AuthenticationFailed')
  }, 60_000)

  test('by the peer, which does not know our authority', async () => {
    await setForeign({ certificate: await leafOf(office), id: THEIRS, authority: stranger })
    expect(await observe(mine())).toBe('AuthenticationFailed')
  }, 60_000)
})

describe('told to an agent that has just begun', () => {
  const other = { peerAddress: '198.18.0.9', peerID: '198.18.0.9', localID: OURS }
  const shared = () => ({ ...CONNECTION, ...other, uid: 'psk' })
  const specOf = (certificate: VpnCertificate, more: Partial<OpenConnection> = {}) => {
    const connection: OpenConnection = { ...CONNECTION }
    delete connection.preSharedKey
    const own = { peerAddress: THEIRS, peerID: THEIRS, localID: OURS, certificate: 'b'.repeat(64) }
    return {
      outside: { addresses: [{ address: OURS, prefixLength: 24 }] },
      connections: [{ ...connection, ...own, ...more }, shared()],
      certificates: { ['b'.repeat(64)]: certificate },
    } as OpenSpec
  }
  /** Another agent. */
  const begin = async () => {
    vici.close()
    await connect()
  }
  const untilUp = (spec: OpenSpec) =>
    waitUntil(
      'the tunnel',
      async () => {
        await tunnels.ensure(spec, vici)
        return tunnels.observe()[0]?.up === true || undefined
      },
      { timeoutMs: 20_000, everyMs: 200 },
    )
  /** Of the tunnel, once it is up. */
  const spi = async () => {
    const { stdout } = await ours.run(['swanctl', '--list-sas', '--raw', '--uri', 'unix:///run/charon.vici'])
    return /c1 \{.*?initiator-spi=(\w+)/.exec(stdout)?.[1] ?? ''
  }

  test('the same connection: its tunnel goes on; other ranges, another peer: it is ended', async () => {
    await setForeign({ certificate: await leafOf(office), id: THEIRS })
    await begin()
    await untilUp(specOf(mine()))
    const before = await spi()
    expect(before).toMatch(/^[0-9a-f]{16}$/)
    await begin()
    await tunnels.ensure(specOf(mine()), vici)
    expect([tunnels.observe()[0], await spi()]).toEqual([{ uid: 'c1', up: true }, before])
    for (const changed of [{ peerCIDRs: ['10.2.7.0/24'] }, { peerAddress: '198.18.0.8' }]) {
      const former = await spi()
      await begin()
      await tunnels.ensure(specOf(mine(), changed), vici)
      expect([tunnels.observe()[0]?.up, (await spi()) === former]).toEqual([false, false])
      await untilUp(specOf(mine()))
    }
  }, 90_000)

  test('extensions that the operator lets pass as critical are taken', async () => {
    await connect()
    const contents: Record<string, string> = {
      // Alternative name x.example; of it nothing but names below example.com; policies 1.2.3.4 and 1.2.3.5; how many below; for servers.
      ...{ '2.5.29.17': '300b8209782e6578616d706c65', '2.5.29.30': '3011a00f300d820b6578616d706c652e636f6d' },
      ...{ '2.5.29.32': '3007300506032a0304', '2.5.29.33': '300c300a06032a030406032a0305' },
      ...{ '2.5.29.36': '3003800103', '2.5.29.37': '300a06082b06010505070301', '2.5.29.54': '020102' },
    }
    // Two that each certificate has, so marked.
    expect(Object.keys(contents).concat('2.5.29.15', '2.5.29.19').sort()).toEqual([...CRITICAL_EXTENSIONS].sort())
    for (const [oid, content] of Object.entries(contents)) {
      const odd = await createTestCertificate({ subject: 'CN=odd', isAuthority: true, critical: { [oid]: content } })
      const message = { type: 'X509', flag: 'NONE', data: odd.certificate }
      expect([oid, await vici.request('load-cert', message).catch(String)]).toEqual([oid, { success: 'yes' }])
    }
  }, 60_000)

  test('a certificate that charon refuses: another tunnel goes on, and one that stood by the former', async () => {
    await setForeign({ certificate: await leafOf(office), id: THEIRS })
    const odd = await createTestCertificate({
      subject: 'CN=odd',
      isAuthority: true,
      issuer: root,
      critical: { '1.2.3.4': '0500' },
    })
    await begin()
    await untilUp(specOf(mine()))
    await begin()
    await tunnels.ensure(specOf(certificateOf(own, [between, odd], office)), vici)
    expect(tunnels.observe()).toMatchObject([
      { uid: 'c1', up: true, reason: 'NotTakenByNode', message: expect.stringContaining('load-cert') },
      { uid: 'psk', up: false, reason: 'Connecting' },
    ])
    expect(await vici.request('get-conns')).toMatchObject({ conns: expect.arrayContaining(['c1', 'psk']) })
  }, 60_000)
})

test('by IPv6, for ranges of both families: packets pass', async () => {
  const inside = { ours: ['10.1.0.1', 'fd00:1::1'], theirs: ['10.2.0.1', 'fd00:2::1'] }
  const ranges = { ours: ['10.1.0.0/24', 'fd00:1::/64'], theirs: ['10.2.0.0/24', 'fd00:2::/64'] }
  for (const [name, device, own, others] of [
    ['a', 'eth0', [`${OURS_V6}/64`], []],
    ['b', 'eth0', [`${THEIRS_V6}/64`], []],
    ['a', 'lo', inside.ours, ranges.theirs],
    ['b', 'lo', inside.theirs, ranges.ours],
  ] as const) {
    for (const address of own)
      await exec(
        [
          'ip',
          '-n',
          netns(name),
          'address',
          'add',
          address,
          'dev',
          device,
          ...(address.includes(':') ? ['nodad'] : []),
        ],
        { timeoutMs: 5000 },
      )
    for (const cidr of others)
      await exec(['ip', '-n', netns(name), 'route', 'add', cidr, 'dev', 'ipsec0'], { timeoutMs: 5000 })
  }
  const names = [{ type: 'ip', value: THEIRS_V6 }]
  const certificate = await leafOf(office, { names })
  const mineV6 = await createTestCertificate({
    subject: 'CN=six',
    names: [{ type: 'ip', value: OURS_V6 }],
    issuer: root,
  })
  await setForeign({ certificate, id: THEIRS_V6, addresses: { ours: OURS_V6, theirs: THEIRS_V6 }, ranges })
  const more = {
    ...{ peerAddress: THEIRS_V6, peerID: THEIRS_V6, localID: OURS_V6 },
    ...{ peerCIDRs: ranges.theirs, localCIDRs: ranges.ours },
  }
  expect(await observe(certificateOf(mineV6, [], office), more)).toBe('up')
  for (const [i, address] of inside.theirs.entries()) {
    const { stdout } = await ours.run(['ping', '-c', '2', '-i', '0.2', '-W', '2', '-I', inside.ours[i] ?? '', address])
    expect(stdout).toContain(' 0% packet loss')
  }
}, 60_000)
