// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import type { Volume } from '../../lib/api/types.ts'
import { stored } from '../testing/memory-deps.ts'
import { headerOf } from './document-header.ts'

test('the head of a document has a namespace only where its kind has one', () => {
  const writer = { incarnation: 2, term: 3 }
  const { metadata, spec } = stored<Volume>('data', { sizeGiB: 1 })
  const versions = { incarnation: 2, term: 3, epoch: 4, generation: 1 }
  const head = { v: 1, uid: 'uid-data', node: 's1', name: 'data', versions }
  expect(headerOf({ metadata, spec }, 's1', 4, writer)).toStrictEqual({ ...head, namespace: 'ns' })
  const { name, uid, resourceVersion } = metadata
  expect(headerOf({ metadata: { name, uid, resourceVersion } }, 's1', 4, writer)).toStrictEqual({
    ...head,
    versions: { ...versions, generation: 0 },
  })
})
