// SPDX-License-Identifier: Apache-2.0
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { Registry } from 'prom-client'
import { makeMemoryFolder } from '../memory-folder.ts'
import { createAuthority } from '../pki/authority.ts'
import { CertificateMetrics } from './certificate-metrics.ts'

test('until when certificates hold: files as they are at each scrape, and what is only known', async () => {
  const dir = await makeMemoryFolder('nephele-certificates-')
  const file = join(dir, 'tls.crt')
  const registry = new Registry()
  const metrics = new CertificateMetrics(registry)
  const read = async () => (await registry.metrics()).split('\n').filter((line) => line.startsWith('nephele_')).sort() // prettier-ignore
  metrics.file('https', file)
  expect(await read()).toEqual([])
  metrics.known('ca', new Date('2030-01-01T00:00:00Z'))
  await writeFile(file, 'half a certif')
  expect(await read()).toEqual(['nephele_certificate_expiration_timestamp_seconds{certificate="ca"} 1893456000'])
  for (const [from, end] of [
    ['2026-01-01T00:00:00Z', 1_767_312_000],
    ['2026-01-03T00:00:00Z', 1_767_484_800],
  ] as const) {
    await writeFile(file, (await createAuthority('test', 1, new Date(from))).certificate)
    expect(await read()).toEqual([
      'nephele_certificate_expiration_timestamp_seconds{certificate="ca"} 1893456000',
      `nephele_certificate_expiration_timestamp_seconds{certificate="https"} ${end}`,
    ])
  }
})
