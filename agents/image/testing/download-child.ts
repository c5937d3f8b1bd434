// SPDX-License-Identifier: Apache-2.0
// A separate process that downloads, to be killed halfway: argv is URL, partial path, SHA-256.
import { download } from '../download.ts'
import { DEFAULT_SOURCE_LIMITS } from '../source.ts'

const [url = '', partialPath = '', sha256 = ''] = process.argv.slice(2)
await download({
  uid: 'child',
  url,
  sha256,
  partialPath,
  maxBytes: 2 ** 40,
  limits: DEFAULT_SOURCE_LIMITS,
  addresses: { allowedNetworks: ['127.0.0.0/8'], ownAddresses: () => [] },
  signal: AbortSignal.timeout(30_000),
  reserve: async () => undefined,
  onProgress: (percent) => process.stdout.write(`${percent}\n`),
})
