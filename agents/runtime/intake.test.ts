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

  test('says which versions it refused, where they can be read', () => {
    const versions = { incarnation: 1, term: 5, epoch: 1, generation: 1 }
    const refusal = (data: unknown) => judgeDocument(KEY, bytes(data), undefined, undefined)
    for (const data of [document({ v: 2 } as never), { ...document(), spec: undefined }, document({ node: 'n2' })])
      expect(refusal(data)).toMatchObject({ refusal: { versions } })
    for (const data of ['null', '[]', '"x"', { ...document(), versions: { term: 'x' } }, { v: 2, versions: 7 }])
      expect(refusal(data)).not.toHaveProperty('refusal.versions')
    expect(refusal({ ...document(), spec: undefined })).toMatchObject({
      refusal: { message: expect.stringContaining('spec') },
    })
    expect(refusal('null')).toMatchObject({ refusal: { message: expect.stringContaining('at document') } })
  })

  test('refuses one under the key of another kind, and what has no version as invalid', () => {
    const other = { ...KEY, kind: 'volume' as const }
    expect(judgeDocument(other, bytes(document()), undefined, undefined)).toMatchObject({
      refusal: { reason: 'DocumentInvalid', message: 'the document belongs under another key' },
    })
    for (const v of [undefined, '2'])
      expect(judgeDocument(KEY, bytes(document({ v } as never)), undefined, undefined)).toMatchObject({
        refusal: { reason: 'DocumentInvalid' },
      })
  })

  test.each([
    ['of an older leader', { term: 4 }, 'StaleLeader'],
    ['of the cloud before its restore', { incarnation: 0, term: 9 }, 'DocumentInvalid'],
    ['of an older epoch', { epoch: 0 }, 'StaleEpoch'],
    ['of an older generation', { generation: 0 }, 'StaleGeneration'],
  ])('refuses a document %s than the one it has', (_name, change, reason) => {
    const versions = { ...document().versions, ...change }
    expect(judgeDocument(KEY, bytes(document({ versions })), document(), undefined)).toMatchObject({
      refusal: { reason, ...(reason === 'DocumentInvalid' ? {} : { versions }) },
    })
  })

  test.each([
    ['as high', { incarnation: 1, term: 5 }, 'accept'],
    ['lower', { incarnation: 1, term: 4 }, 'accept'],
    ['higher', { incarnation: 1, term: 6 }, 'refuse'],
    ['of a later incarnation, however low its term', { incarnation: 2, term: 0 }, 'refuse'],
  ])('with the highest writer %s: %s', (_name, highest, kind) => {
    expect(judgeDocument(KEY, bytes(document()), undefined, highest).kind).toBe(kind)
  })

  test('does not keep the user data of a machine that goes', () => {
    const tombstone = { ...document(), spec: undefined, tombstone: true, userDataBase64: 'c2VjcmV0' }
    const verdict = judgeDocument(KEY, bytes(tombstone), document(), undefined)
    expect(verdict).toMatchObject({ kind: 'accept', document: { tombstone: true } })
    expect(JSON.stringify(verdict)).not.toContain('c2VjcmV0')
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
