// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { TransientError } from '../../lib/errors.ts'
import { download } from './download.ts'
import { DEFAULT_SOURCE_LIMITS } from './source.ts'

const full = (code: string) => ({
  ...{
    uid: 'image-1',
    url: 'https://images.example/i',
    partialPath: '/none/part',
    maxBytes: 1,
    signal: AbortSignal.abort(),
  },
  ...{ limits: DEFAULT_SOURCE_LIMITS, addresses: { allowedNetworks: [], ownAddresses: () => [] } },
  calls: { run: () => Promise.reject(Object.assign(new Error('no room'), { code })) },
  ...{ reserve: async () => undefined, onProgress: () => undefined },
})

test.each(['ENOSPC', 'EDQUOT'])('a full disk (%s) is said of what it is of: the cache, or a store', async (code) => {
  await expect(download(full(code))).rejects.toMatchObject({ reason: 'ImageCacheFull' })
  const noRoom = () => new TransientError('StoreFull', 'of another disk')
  await expect(download({ ...full(code), noRoom })).rejects.toMatchObject({ reason: 'StoreFull' })
})
test('what else went wrong with it is said as it is', async () => {
  await expect(download(full('EIO'))).rejects.toMatchObject({ code: 'EIO' })
})
