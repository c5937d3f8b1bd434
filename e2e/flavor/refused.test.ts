// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { FLAVOR } from '../../lib/api/kinds.ts'
import { openTestCloud } from '../harness/cloud.ts'
import * as draft from '../harness/objects.ts'

test.each([
  ['no processor', { vcpus: 0 }, /vcpus/],
  ['no memory', { memoryMiB: 0 }, /memoryMiB/],
  ['a disk of less than nothing', { rootDiskGiB: -1 }, /rootDiskGiB/],
  ['a namespace that is none', { public: false, sharedWith: [{ namespace: 'A B' }] }, /one namespace, or '\*'/],
])('%s is refused at once', async (_, spec, message) => {
  await expect(openTestCloud().client.create(FLAVOR, draft.flavor('e2e-refused', spec))).rejects.toThrow(message)
})
