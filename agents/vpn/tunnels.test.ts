// SPDX-License-Identifier: Apache-2.0
// What a charon is told, when, and what is said of its tunnels; the charon is a list of requests.
import { beforeEach, describe, expect, test } from '@jest/globals'
import { ViciError } from '../../lib/vici/client.ts'
import { textOf, type ViciSection } from '../../lib/vici/message.ts'
import { CONNECTION } from './testing/connection.ts'
import type { OpenConnection, OpenSpec } from './open-spec.ts'
import { Tunnels } from './tunnels.ts'

let now = 0
let tunnels: Tunnels
let sent: string[] = []
let loaded: string[] = []
let sas: ViciSection[] = []
let keys = new Set<string>()
const charon = {
  async request(command: string, message: ViciSection = {}): Promise<ViciSection> {
    if (command === 'get-conns') return { conns: loaded }
    if (command === 'get-keys') return { keys: [...keys] }
    if (command === 'list-sas') {
      for (const sa of sas) tunnels.onEvent('list-sa', sa)
      return {}
    }
    sent.push(command)
    if (command === 'unload-key') keys.delete(textOf(message, 'id') ?? '')
    if (command === 'load-key') {
      const id = `id-of-${textOf(message, 'data')?.split('\n')[1]}`
      keys.add(id)
      return { success: 'yes', id }
    }
    if (command === 'load-conn') loaded = [...loaded, ...Object.keys(message)]
    if (command === 'unload-conn') loaded = loaded.filter((name) => name !== message['name'])
    if (command === 'terminate' && sas.length === 0) throw new ViciError(command, 'no matching SAs')
    return { success: 'yes' }
  },
}
const spec = (...connections: OpenConnection[]) =>
  ({
    connections,
    certificates: {},
    outside: { addresses: [{ address: '203.0.113.5', prefixLength: 24 }] },
  }) as OpenSpec
const ensure = async (...connections: OpenConnection[]) => {
  sent = []
  await tunnels.ensure(spec(...connections), charon)
  return sent
}
const [ONE, TWO] = ['1'.repeat(64), '2'.repeat(64)]
const CERTIFICATES = {
  [ONE]: { chain: ['own', 'between'], privateKey: 'one', authorities: ['root'] },
  [TWO]: { chain: ['other'], privateKey: 'two', authorities: ['root'] },
}
const ensureCertified = async (...all: [uid: string, certificate: string][]) => {
  sent = []
  const bare: OpenConnection = { ...CONNECTION }
  delete bare.preSharedKey
  const connections = all.map(([uid, certificate]) => ({ ...bare, uid, certificate }))
  await tunnels.ensure({ ...spec(...connections), certificates: CERTIFICATES }, charon)
  return sent
}
const up = { c1: { state: 'ESTABLISHED', 'child-sas': { 'c1-1': { state: 'INSTALLED' } } } }
const log = (msg: string) => tunnels.onEvent('log', { 'ikesa-name': 'c1', msg })

beforeEach(() => {
  now = 1000
  tunnels = new Tunnels(() => now)
  ;[sent, loaded, sas, keys] = [[], [], [], new Set()]
})

test('it is told a connection once, and asks the peer; a tunnel that is up is left alone', async () => {
  expect(await ensure(CONNECTION)).toEqual(['load-shared', 'load-conn', 'initiate'])
  expect(tunnels.observe()).toEqual([{ uid: 'c1', up: false, reason: 'Connecting', message: expect.any(String) }])
  sas = [up]
  expect(await ensure(CONNECTION)).toEqual([])
  expect(tunnels.observe()).toEqual([{ uid: 'c1', up: true }])
  expect(tunnels.nextAskMs()).toBeUndefined()
})

test('another key, or other ranges, are told at once, and what stands by the former is ended', async () => {
  await ensure(CONNECTION)
  sas = [up]
  const changed = { ...CONNECTION, preSharedKey: 'another-key-of-16' }
  expect(await ensure(changed)).toEqual(['load-shared', 'load-conn', 'terminate'])
  sas = []
  expect(await ensure(changed)).toEqual(['initiate'])
  expect((await ensure({ ...changed, peerCIDRs: ['10.3.0.0/24'] })).slice(0, 3)).toEqual([
    'load-shared',
    'load-conn',
    'terminate',
  ])
})

test('what nobody asks for any more goes, also of an agent before', async () => {
  loaded = ['old']
  expect(await ensure()).toEqual(['unload-conn', 'unload-shared', 'terminate'])
  expect([loaded, tunnels.observe()]).toEqual([[], []])
})

test('a tunnel that the agent before has set up goes on', async () => {
  ;[loaded, sas] = [['c1'], [up]]
  expect(await ensure(CONNECTION)).toEqual(['load-shared', 'load-conn'])
  expect(tunnels.observe()).toEqual([{ uid: 'c1', up: true }])
})

describe('certificates', () => {
  test('with those between, and no key that both know; another one is told at once', async () => {
    expect(await ensureCertified(['c1', ONE])).toEqual([
      ...['unload-shared', 'load-cert', 'load-key', 'load-conn', 'initiate'],
    ])
    sas = [up]
    expect(await ensureCertified(['c1', ONE])).toEqual([])
    expect(await ensureCertified(['c1', TWO])).toEqual([
      ...['unload-shared', 'load-key', 'load-conn', 'terminate', 'unload-key'],
    ])
    expect([...keys]).toEqual(['id-of-two'])
  })

  test('a private key stays as long as one connection has it, and one of an agent before goes', async () => {
    keys.add('old')
    await ensureCertified(['c1', ONE], ['c2', ONE])
    expect([...keys]).toEqual(['id-of-one'])
    await ensureCertified(['c2', ONE])
    expect([...keys]).toEqual(['id-of-one'])
    await ensure(CONNECTION)
    expect([...keys]).toEqual([])
  })
})

describe('who asks, and when', () => {
  test('not one that waits for its peer', async () => {
    expect(await ensure({ ...CONNECTION, initiates: false })).toEqual(['load-shared', 'load-conn'])
    expect([tunnels.nextAskMs(), tunnels.observe()[0]?.reason]).toEqual([undefined, 'WaitingForPeer'])
  })
  test('of two that both begin the one with the higher address is later', async () => {
    expect(await ensure({ ...CONNECTION, peerAddress: '203.0.113.4' })).not.toContain('initiate')
    expect(tunnels.nextAskMs()).toBe(3000)
  })
  test('again, less often each time, at least once a minute', async () => {
    await ensure(CONNECTION)
    const waits: (number | undefined)[] = []
    for (let n = 0; n < 7; n++) {
      waits.push(tunnels.nextAskMs())
      now += tunnels.nextAskMs() ?? 0
      expect(await ensure(CONNECTION)).toEqual(['initiate'])
    }
    expect(waits).toEqual([4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000])
  })
  test('not while an attempt is under way', async () => {
    await ensure(CONNECTION)
    now += 4000
    sas = [{ c1: { state: 'CONNECTING' } }]
    expect(await ensure(CONNECTION)).toEqual([])
  })
  test('at once when the tunnel is lost', async () => {
    await ensure(CONNECTION)
    sas = [up]
    await ensure(CONNECTION)
    sas = []
    expect(await ensure(CONNECTION)).toEqual(['initiate'])
    expect(tunnels.observe()[0]?.reason).toBe('ClosedByPeer')
  })
})

describe('why it is down, in words', () => {
  test.each([
    ['received AUTHENTICATION_FAILED notify error', 'AuthenticationFailed'],
    ["tried 1 shared key for 'a' - 'b', but MAC mismatched", 'AuthenticationFailed'],
    ["constraint check failed: identity 'gw' required, not matched by 'x'", 'AuthenticationFailed'],
    ["no trusted ECDSA public key found for 'gw'", 'PeerCertificateRefused'],
    ["constraint check failed: peer not authenticated by CA 'CN=root'", 'PeerCertificateRefused'],
    ['giving up after 4 retransmits', 'PeerNotAnswering'],
    ['received NO_PROPOSAL_CHOSEN notify error', 'NoProposalChosen'],
    ['received NO_PROPOSAL_CHOSEN notify, no CHILD_SA built', 'NoProposalChosen'],
    ['received TS_UNACCEPTABLE notify, no CHILD_SA built', 'RangesNotAccepted'],
  ])('%s: %s', async (line, reason) => {
    await ensure(CONNECTION)
    expect(log(line)).toBe(true)
    expect(log(line)).toBe(false)
    await ensure(CONNECTION)
    expect(tunnels.observe()).toEqual([
      { uid: 'c1', up: false, reason, message: expect.stringContaining('203.0.113.9') },
    ])
  })
  test('lines of others, and of nothing, say nothing', async () => {
    await ensure(CONNECTION)
    expect(tunnels.onEvent('log', { 'ikesa-name': 'c2', msg: 'giving up after 4 retransmits' })).toBe(false)
    expect(log('sending DPD request')).toBe(false)
    expect(tunnels.onEvent('ike-updown', {})).toBe(true)
  })
  test('one whose end is told while it is still listed is looked at again', async () => {
    await ensure(CONNECTION)
    sas = [up]
    await ensure(CONNECTION)
    expect(tunnels.onEvent('ike-updown', {})).toBe(true)
    await ensure(CONNECTION)
    expect([tunnels.observe()[0]?.up, tunnels.nextAskMs()]).toEqual([true, 500])
    log('giving up after 4 retransmits')
    sas = []
    await ensure(CONNECTION)
    expect(tunnels.observe()[0]?.reason).toBe('PeerNotAnswering')
    now += 2000
    expect(tunnels.nextAskMs()).toBe(2000)
  })
  test('once it was up, what was before is forgotten', async () => {
    await ensure(CONNECTION)
    log('received AUTHENTICATION_FAILED notify error')
    sas = [up]
    await ensure(CONNECTION)
    sas = []
    await ensure(CONNECTION)
    expect(tunnels.observe()[0]?.reason).toBe('ClosedByPeer')
  })
})
