// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { MAX_DOCUMENT_BYTES, type DesiredDocument } from '../../lib/contract/documents.ts'
import { judgeDocument } from './intake.ts'

const KEY = { node: 'n1', kind: 'port', uid: 'u1' } as const

function document(change: Partial<DesiredDocument> & Record<string, unknown> = {}): DesiredDocument {
  return {
    v: 1,
    kind: 'port',
    uid: 'u1',
    node: 'n1',
    name: 'p',
    tombstone: false,
    versions: { incarnation: 1, term: 5, epoch: 1, generation: 1 },
    spec: {
      logicalPort: 'u1',
      networkUid: 'net',
      mac: 'fa:16:3e:00:00:01',
      fixedIPs: [],
      mtu: 1442,
      vnicType: 'normal',
    },
    ...change,
  } as DesiredDocument
}

const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))

describe('judgeDocument', () => {
  test('takes the first', () => {
    expect(judgeDocument(KEY, bytes(document()), undefined, undefined)).toEqual({
      kind: 'accept',
      document: document(),
    })
  })

  test('keeps fields it does not know', () => {
    const verdict = judgeDocument(KEY, bytes(document({ later: { a: 1 } })), undefined, undefined)
    expect(verdict).toMatchObject({ kind: 'accept', document: { later: { a: 1 } } })
  })

  test('knows what it has', () => {
    expect(judgeDocument(KEY, bytes(document()), document(), undefined).kind).toBe('same')
  })

  test('a tombstone of the same version is news', () => {
    const gone = { ...document(), spec: undefined, tombstone: true }
    expect(judgeDocument(KEY, bytes(gone), document(), undefined).kind).toBe('accept')
  })

  test.each([
    ['nothing', '', 'DocumentInvalid'],
    ['null', 'null', 'DocumentInvalid'],
    ['an acknowledgement', '{"stream":"KV_observed","seq":3}', 'DocumentInvalid'],
    ['another node’s', document({ node: 'n2' }), 'DocumentInvalid'],
    ['another object’s', document({ uid: 'u2' }), 'DocumentInvalid'],
    ['version 2', document({ v: 2 } as never), 'UnsupportedVersion'],
    ['without a spec', { ...document(), spec: undefined }, 'DocumentInvalid'],
  ])('refuses %s', (_name, data, reason) => {
    expect(judgeDocument(KEY, bytes(data), undefined, undefined)).toMatchObject({ kind: 'refuse', refusal: { reason } })
  })

  test('refuses anything new of a leader whose successor this node has heard of', () => {
    const highest = { incarnation: 1, term: 6 }
    expect(judgeDocument(KEY, bytes(document()), undefined, highest)).toMatchObject({
      kind: 'refuse',
      refusal: { reason: 'StaleLeader' },
    })
    expect(judgeDocument(KEY, bytes(document()), document(), highest).kind).toBe('same')
  })

  test('never throws, whatever lies there', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.json().map(bytes)), (data) => {
        expect(judgeDocument(KEY, data, undefined, undefined).kind).toBe('refuse')
      }),
    )
    expect(judgeDocument(KEY, bytes('x'.repeat(MAX_DOCUMENT_BYTES * 2)), undefined, undefined).kind).toBe('refuse')
  })
})
