// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import type { ComputeNode, StoragePool, Volume } from '../../../lib/api/types.ts'
import type { VolumeConnection } from '../../../lib/contract/documents.ts'
import { stored } from '../../testing/memory-deps.ts'
import { toConnection } from './volume-connection.ts'

const volume = stored<Volume>('data', { sizeGiB: 1 }, { uid: 'u1', status: { node: 's1', pool: 'files' } })
const pool = stored<StoragePool>('files', { driver: 'file' }, { namespace: '' })
const server = (address = '10.0.0.7') =>
  stored<ComputeNode>('s1', {}, { namespace: '', status: { inventory: { address } } })
const nbd = (more: Partial<Extract<VolumeConnection, { protocol: 'nbd' }>> = {}): VolumeConnection => ({
  protocol: 'nbd',
  host: '10.0.0.7',
  port: 10900,
  exportName: 'u1',
  tls: true,
  tlsHostname: 's1',
  ...more,
})
const file = (path: string): VolumeConnection => ({ protocol: 'file', path, format: 'raw' })
const choose = (connection: VolumeConnection | undefined, client = 'c1', from: ComputeNode | undefined = server()) =>
  toConnection({ volume, report: { facts: connection ? { connection } : {} }, server: from, pool, client })

describe('of what a node reports only the port is another node’s business', () => {
  const own = { ok: true, connection: { ...nbd(), port: 12899 } }
  test.each<[string, VolumeConnection]>([
    ['an honest report', nbd({ port: 12899 })],
    ['another host', nbd({ port: 12899, host: '169.254.169.254' })],
    ['another export', nbd({ port: 12899, exportName: 'u2' })],
    ['no TLS', { protocol: 'nbd', host: '10.0.0.7', port: 12899, exportName: 'u1', tls: false }],
    ['another name in the certificate', nbd({ port: 12899, tlsHostname: 's2' })],
    ['more than the contract has', { ...nbd({ port: 12899 }), path: '/etc/shadow' } as VolumeConnection],
  ])('%s', (_, connection) => {
    expect(choose(connection)).toEqual(own)
  })
})

test.each<[string, VolumeConnection | undefined, RegExp]>([
  ['a file of the other node', file('/etc/shadow'), /reports a file .* not of its pool on node c1/],
  ['its own path on the other node', file('/var/lib/nephele/volumes/files/u1.raw'), /not of its pool on node c1/],
  ['a port below the range', nbd({ port: 10899 }), /port 10899 .* outside of 10900 to 12899/],
  ['a port above the range', nbd({ port: 12900 }), /port 12900/],
  ['nothing', undefined, /waiting for node s1 to export/],
])('%s is not passed on', (_, connection, why) => {
  expect(choose(connection)).toEqual({ ok: false, why: expect.stringMatching(why) })
})

test.each([
  '',
  'nephele-nats.nephele-system.svc',
  '127.0.0.1',
  '169.254.169.254',
  'fe80::1',
  '::1',
  '0.0.0.0',
  '224.0.0.1',
  '::ffff:127.0.0.1',
  '1',
])('an address that is none of a node: %j', (address) => {
  expect(choose(nbd(), 'c1', server(address))).toEqual({ ok: false, why: expect.stringContaining('no address') })
})
test.each(['10.0.0.7', '192.168.1.1', '203.0.113.9', 'fd00::7', '2001:db8::7'])('an address of a node: %j', (host) => {
  expect(choose(nbd(), 'c1', server(host))).toEqual({ ok: true, connection: nbd({ host }) })
})

test.each([
  ['/var/lib/nephele/volumes/files/u1.raw', true],
  ['/var/lib/nephele/volumes/files/u2.raw', false],
  ['/var/lib/nephele/volumes/files/../../u1.raw', false],
  ['/etc/shadow', false],
])('on the machine’s own node the file %s: %s', (path, ok) => {
  expect(choose(file(path), 's1')).toMatchObject(ok ? { ok, connection: file(path) } : { ok })
})
