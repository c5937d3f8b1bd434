// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { claimSubnet } from './subnet.ts'

describe('the subnet of a new cloud', () => {
  test('clouds that start together get different ones; a released or dead claim counts for nothing', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'nephele-subnet-'))
    try {
      writeFileSync(join(dir, 'nephele-subnet-0.lock'), '{"pid":1,"startTime":-5}')
      const claims = await Promise.all([1, 2, 3].map(() => claimSubnet(dir, () => Promise.resolve(['10.98.1.254']))))
      expect(claims.map((c) => c.subnet).sort()).toEqual([0, 2, 3])
      for (const claim of claims) claim.release()
      expect(readdirSync(dir)).toEqual([])
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })

  test('an interface that came between the look and the claim is seen', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'nephele-subnet-'))
    try {
      const looks = [[], ['10.98.0.254'], ['10.98.0.254'], ['10.98.0.254']]
      const claim = await claimSubnet(dir, () => Promise.resolve(looks.shift() ?? []))
      expect(claim.subnet).toBe(1)
      expect(readdirSync(dir)).toEqual(['nephele-subnet-1.lock'])
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })
})
