// SPDX-License-Identifier: Apache-2.0
// What a charon is told, when, and what is said of its tunnels; the charon is a list of requests.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ViciError } from '../../lib/vici/client.ts'
import { textOf, type ViciSection } from '../../lib/vici/message.ts'
import { CONNECTION } from './testing/connection.ts'
import { LoadedRecord } from './loaded-record.ts'
import type { OpenConnection, OpenSpec } from './open-spec.ts'
import { Tunnels } from './tunnels.ts'

let now = 0
let tunnels: Tunnels
let sent: string[] = []
let loaded: string[] = []
let sas: ViciSection[] = []
let keys = new Set<string>()
/** What it does not take. */
let refuses: (command: string, message: ViciSection) => boolean = () => false
let dir: string
const charon = {
  async request(command: string, message: ViciSection = {}): Promise<ViciSection> {
    if (command === 'get-conns') return { conns: loaded }
    if (command === 'get-keys') return { keys: [...keys] }
    if (command === 'list-sas') {
      for (const sa of sas) tunnels.onEvent('list-sa', sa)
      return {}
    }
    sent.push(command)
    if (refuses(command, message)) throw new ViciError(command, 'parsing X509 certificate failed')
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

/** Another agent; charon goes on, and whoever has asked for its events. */
const begin = () => {
  tunnels = new Tunnels(new LoadedRecord(join(dir, 'loaded')), () => now)
}

beforeEach(async () => {
  now = 1000
  dir = await mkdtemp(join(tmpdir(), 'nephele-tunnels-'))
  begin()
  ;[sent, loaded, sas, keys, refuses] = [[], [], [], new Set(), () => false]
})
afterEach(() => rm(dir, { recursive: true }))

test('it is told a connection once, and asks the peer; a tunnel that is up is left alone', async () => {
  expect(await ensure(CONNECTION)).toEqual(['load-conn', 'load-shared', 'terminate', 'initiate'])
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
  expect(await ensure(changed)).toEqual(['load-conn', 'load-shared', 'terminate'])
  sas = []
  expect(await ensure(changed)).toEqual(['initiate'])
  expect((await ensure({ ...changed, peerCIDRs: ['10.3.0.0/24'] })).slice(0, 3)).toEqual([
    'load-conn',
    'load-shared',
    'terminate',
  ])
})

test('what nobody asks for any more goes, also of an agent before', async () => {
  loaded = ['old']
  expect(await ensure()).toEqual(['unload-conn', 'unload-shared', 'terminate'])
  expect([loaded, tunnels.observe()]).toEqual([[], []])
})

test('so does what was left half taken away', async () => {
  sas = [{ ...up, '(unnamed)': { state: 'CONNECTING' } }]
  expect(await ensure()).toEqual(['terminate'])
})

describe('of an agent before', () => {
  beforeEach(async () => {
    await ensure(CONNECTION)
    sas = [up]
    await ensure(CONNECTION)
    begin()
  })
  test('a tunnel goes on', async () => {
    expect(await ensure(CONNECTION)).toEqual(['load-conn', 'load-shared'])
    expect(tunnels.observe()).toEqual([{ uid: 'c1', up: true }])
  })
  test.each([
    ['key', { preSharedKey: 'another-key-of-16' }],
    ['range', { peerCIDRs: ['10.3.0.0/24'] }],
    ['peer', { peerAddress: '198.51.100.99' }],
  ])('a tunnel by another %s is ended', async (_, changed) => {
    expect(await ensure({ ...CONNECTION, ...changed })).toEqual(['load-conn', 'load-shared', 'terminate'])
    begin()
    expect(await ensure({ ...CONNECTION, ...changed })).toEqual(['load-conn', 'load-shared'])
  })
  test('and one is of which nothing is known, or that an agent was just about to change', async () => {
    await rm(join(dir, 'loaded'))
    expect(await ensure(CONNECTION)).toContain('terminate')
    refuses = (command) => command === 'load-shared'
    await ensure({ ...CONNECTION, preSharedKey: 'another-key-of-16' })
    refuses = () => false
    begin()
    expect(await ensure(CONNECTION)).toContain('terminate')
  })
  test('nothing is written of a key', async () => {
    const text = await readFile(join(dir, 'loaded'), 'utf8')
    expect(text).toMatch(/^\{"c1":"[A-Za-z0-9+/=]{24}:[A-Za-z0-9+/=]{44}"\}$/)
  })
})

describe('what charon does not take', () => {
  const good = { ...CONNECTION, uid: 'c2' }
  const bad = (certificate = ONE) => {
    const bare: OpenConnection = { ...CONNECTION, certificate }
    delete bare.preSharedKey
    return bare
  }
  const both = async (first: OpenConnection, ...more: OpenConnection[]) => {
    sent = []
    await tunnels.ensure({ ...spec(first, ...more), certificates: CERTIFICATES }, charon)
    return sent
  }
  const words = { reason: 'NotTakenByNode', message: expect.stringContaining('parsing X509') }
  beforeEach(() => {
    refuses = (command) => command === 'load-cert'
  })
  test('keeps no other one down, whichever is first', async () => {
    const orders: [OpenConnection, OpenConnection][] = [
      [bad(), good],
      [good, bad()],
    ]
    for (const order of orders) {
      begin()
      loaded = []
      expect(await both(...order)).toEqual(expect.arrayContaining(['load-conn', 'initiate']))
      expect(tunnels.observe()).toEqual(
        expect.arrayContaining([
          { uid: 'c1', up: false, ...words },
          { uid: 'c2', up: false, reason: 'Connecting', message: expect.any(String) },
        ]),
      )
      expect(loaded).toEqual(['c2'])
    }
  })
  test('takes down nothing that stands by what was before, and is told again in a minute', async () => {
    await both(CONNECTION)
    sas = [up]
    expect(await both(bad())).toEqual(['load-cert'])
    expect(tunnels.observe()).toEqual([{ uid: 'c1', up: true, ...words }])
    expect(await both(bad())).toEqual([])
    begin()
    expect(await both(bad())).toEqual(['load-cert'])
    expect(tunnels.observe()).toEqual([{ uid: 'c1', up: true, ...words }])
    now += 60_000
    refuses = () => false
    expect(await both(bad())).toEqual(['load-cert', 'load-key', 'load-conn', 'unload-shared', 'terminate'])
    sas = []
    await both(bad())
    expect(tunnels.observe()[0]?.reason).not.toBe('NotTakenByNode')
  })
  test('is forgotten once it is asked for no more', async () => {
    await both(CONNECTION)
    sas = [up]
    await both(bad())
    expect(await both(CONNECTION)).toEqual([])
    expect(tunnels.observe()).toEqual([{ uid: 'c1', up: true }])
  })
  test('leaves the private key that is in use', async () => {
    refuses = () => false
    await both(bad(TWO))
    begin()
    refuses = (command) => command === 'load-cert'
    await both(bad(ONE))
    expect([...keys]).toEqual(['id-of-two'])
  })
  test('a lost connection is none of that', async () => {
    refuses = () => {
      throw new Error('charon has closed the connection')
    }
    await expect(both(CONNECTION)).rejects.toThrow('closed')
  })
})

describe('certificates', () => {
  test('with those between, and no key that both know; another one is told at once', async () => {
    expect(await ensureCertified(['c1', ONE])).toEqual([
      ...['load-cert', 'load-key', 'load-conn', 'unload-shared', 'terminate', 'initiate'],
    ])
    sas = [up]
    expect(await ensureCertified(['c1', ONE])).toEqual([])
    expect(await ensureCertified(['c1', TWO])).toEqual([
      ...['load-key', 'load-conn', 'unload-shared', 'terminate', 'unload-key'],
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
    expect(await ensure({ ...CONNECTION, initiates: false })).toEqual(['load-conn', 'load-shared', 'terminate'])
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
