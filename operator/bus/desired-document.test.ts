// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { ComputeNode, Image } from '../../lib/api/types.ts'
import { DOCUMENT_KINDS, type DesiredDocument } from '../../lib/contract/documents.ts'
import { tombstoneOf } from '../placed/document-header.ts'
import { imageDocument } from '../controllers/image/document.ts'
import { stored } from '../testing/memory-deps.ts'
import { digestOf, encodeDocument } from './desired-document.ts'

const image = stored<Image>('i', { source: { http: { url: 'http://images.test/guest' } }, format: 'qcow2' })
const node = stored<ComputeNode>('n1', {}, { namespace: '' })
const of = (kind: 'image' | 'node', incarnation: number, term: number): DesiredDocument =>
  kind === 'image'
    ? imageDocument(image, 'n1', { incarnation, term })
    : tombstoneOf('node', node, 'n1', 1, { incarnation, term })

test.each([
  // kind, term, incarnation; is it written again?
  ['image', 1, 1, false],
  ['image', 2, 1, false],
  ['image', 2, 2, true],
  ['node', 1, 1, false],
  ['node', 2, 1, true],
  ['node', 2, 2, true],
] as const)(
  'a document of kind %s, known of term 1, in term %i of incarnation %i: another: %s',
  (kind, term, incarnation, another) => {
    expect(digestOf(of(kind, incarnation, term)) !== digestOf(of(kind, 1, 1))).toBe(another)
  },
)

test('the order of fields makes none', () => {
  const document = of('image', 1, 1)
  const turned = Object.fromEntries(Object.entries(document).reverse()) as unknown as DesiredDocument
  expect(digestOf(turned)).toBe(digestOf(document))
})

test('of one that is too large it is said what of its kind to write less of', () => {
  const said = DOCUMENT_KINDS.map((kind) => {
    const document = { ...tombstoneOf(kind, node, 'n1', 1, { incarnation: 1, term: 1 }), later: 'x'.repeat(262_144) }
    try {
      return encodeDocument(document)
    } catch (error) {
      return String(error).replace(/.*larger than 256 KiB: /, '')
    }
  })
  expect(new Set(said).size).toBe(DOCUMENT_KINDS.length)
  expect(said[DOCUMENT_KINDS.indexOf('instance')]).toBe('shorten its user data or metadata')
  for (const kind of ['balancer', 'vpn'] as const) expect(said[DOCUMENT_KINDS.indexOf(kind)]).not.toContain('user data')
})
