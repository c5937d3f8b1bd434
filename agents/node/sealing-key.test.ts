// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seal } from '../../lib/pki/sealed.ts'
import { SealingKey } from './sealing-key.ts'

let folder: string
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'sealing-'))))
afterEach(() => rm(folder, { recursive: true, force: true }))

const purpose = { kind: 'balancer', uid: 'u', use: 'certificates/shop' }
const file = () => join(folder, 'pki', 'sealing.key')

test('it stays, is nobody else’s to read, and opens what was sealed for this node', async () => {
  const key = await new SealingKey(folder, 'g1').announce()
  expect(await new SealingKey(folder, 'g1').announce()).toBe(key)
  expect((await stat(file())).mode & 0o777).toBe(0o600)
  const sealed = seal('secret', key, { ...purpose, node: 'g1' })
  expect(await new SealingKey(folder, 'g1').open(sealed, purpose)).toBe('secret')
  await expect(new SealingKey(folder, 'g2').open(sealed, purpose)).rejects.toMatchObject({
    reason: 'SealedForAnotherKey',
  })
})

test.each(['', 'nonsense'])(
  'one that is broken (%j) is made anew, and what was sealed before is not opened',
  async (text) => {
    const before = await new SealingKey(folder, 'g1').announce()
    await writeFile(file(), text)
    const sealed = seal('secret', before, { ...purpose, node: 'g1' })
    expect(await new SealingKey(folder, 'g1').announce()).not.toBe(before)
    await expect(new SealingKey(folder, 'g1').open(sealed, purpose)).rejects.toMatchObject({
      reason: 'SealedForAnotherKey',
    })
  },
)
