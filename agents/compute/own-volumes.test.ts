// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { VolumeConnection } from '../../lib/contract/documents.ts'
import type { NodeState } from '../runtime/reconciler.ts'
import { checkConnection } from './own-volumes.ts'
import { instanceDocument, runContext } from './testing.ts'
import { checkConnections, toInstanceWant } from './want.ts'

const pools = [{ name: 'files', uid: 'p', driver: 'file', path: '/pool' }]
const state = {
  ...runContext({}).state,
  list: ((kind: string) =>
    kind === 'node' ? [{ tombstone: false, spec: { roles: {}, pools } }] : []) as unknown as NodeState['list'],
}
const file = (path: string): VolumeConnection => ({ protocol: 'file', path, format: 'raw' })
const nbd = (more: object = {}): VolumeConnection => ({
  ...{ protocol: 'nbd', host: '192.0.2.9', port: 10900, exportName: 'v', tls: true, tlsHostname: 's1' },
  ...more,
})

test.each<[string, VolumeConnection, boolean]>([
  ['a file of an own pool', file('/pool/v.raw'), true],
  ['another volume of an own pool', file('/pool/w.raw'), false],
  ['a file of the host', file('/etc/shadow'), false],
  ['a way out of the pool', file('/pool/../etc/v.raw'), false],
  ['a folder in the pool', file('/pool/x/v.raw'), false],
  ['a file of another pool', file('/other/v.raw'), false],
  ['a relative path', file('pool/v.raw'), false],
  ['an export with TLS', nbd(), true],
  ['an export without TLS', nbd({ tls: false }), false],
  ['an export of any server', nbd({ tlsHostname: undefined }), false],
  ['another export', nbd({ exportName: 'w' }), false],
])('%s becomes a disk: %s', (_, connection, allowed) => {
  const check = () => checkConnection('v', connection, state)
  if (allowed) expect(check).not.toThrow()
  else expect(check).toThrow(expect.objectContaining({ reason: 'VolumeUnsafe' }))
})

test('a node whose document names no pools, or is to go, has none', () => {
  for (const document of [{ tombstone: false, spec: { roles: {} } }, { tombstone: true }]) {
    const without = { ...state, list: (() => [document]) as unknown as NodeState['list'] }
    expect(() => checkConnection('v', file('/pool/v.raw'), without)).toThrow('not of a pool')
  }
})

test('a node without pools has no files for guests, and no machine is made with one', () => {
  const document = instanceDocument({ volumes: [{ uid: 'v', name: 'v', connection: file('/pool/v.raw') }] })
  expect(() => checkConnections(document, runContext({}).state)).toThrow('not of a pool of this node')
  expect(() => checkConnections(document, state)).not.toThrow()
  expect(toInstanceWant(document, [], state, () => []).volumes).toEqual([{ uid: 'v', connection: file('/pool/v.raw') }])
})
