// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { retryDelayMs } from './image-reconciler.ts'
import { withoutSecrets } from './source.ts'

test.each([
  [1, 2_000],
  [2, 4_000],
  [5, 32_000],
  [9, 512_000],
  [10, 600_000],
  [10_000, 600_000],
])('failure %i waits at most %i ms', (failures, expected) => {
  expect(retryDelayMs(failures, 1)).toBe(expected)
  expect(retryDelayMs(failures, 0)).toBe(expected * 0.8)
})

test('what is shown of a URL holds neither password nor signature', () => {
  expect(withoutSecrets('https://me:hunter2@images.example.com:8443/a/b.qcow2?X-Amz-Signature=abc#frag')).toBe(
    'https://images.example.com:8443/a/b.qcow2',
  )
})
