// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { retryDelayMs } from './image-reconciler.ts'
import { isLocalAddress, withoutSecrets } from './source.ts'

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

test.each([
  ['127.0.0.1', true],
  ['127.8.8.8', true],
  ['169.254.169.254', true],
  ['0.0.0.0', true],
  ['::1', true],
  ['::', true],
  ['fe80::1', true],
  ['::ffff:169.254.169.254', true],
  ['224.0.0.1', true],
  ['not an address', true],
  ['10.0.0.1', false],
  ['192.0.2.7', false],
  ['fd00::1', false],
  ['2001:db8::1', false],
])('%s is the node itself or its link: %s', (address, local) => {
  expect(isLocalAddress(address)).toBe(local)
})

test('what is shown of a URL holds neither password nor signature', () => {
  expect(withoutSecrets('https://me:hunter2@images.example.com:8443/a/b.qcow2?X-Amz-Signature=abc#frag')).toBe(
    'https://images.example.com:8443/a/b.qcow2',
  )
})
