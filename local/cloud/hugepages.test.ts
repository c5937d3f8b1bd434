// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { claimHugepages, pagesToAdd, type HugepagePool } from './hugepages.ts'

describe('pages to add', () => {
  test.each([
    ['the first promise, a host without any', { freeBefore: 0, added: 0, claims: { a: 64 } }, 64],
    ['nothing that was free before', { freeBefore: 100, added: 0, claims: { a: 64 } }, 0],
    ['only what is missing', { freeBefore: 40, added: 0, claims: { a: 64 } }, 24],
    ['a second cloud gets its own', { freeBefore: 40, added: 24, claims: { a: 64, b: 64 } }, 64],
    ['the same promise again', { freeBefore: 0, added: 64, claims: { a: 64 } }, 0],
    ['what no promise needs goes back', { freeBefore: 40, added: 88, claims: { b: 64 } }, -64],
    ['all of it with the last one', { freeBefore: 40, added: 24, claims: {} }, -24],
  ])('%s', (_what, ledger, pages) => expect(pagesToAdd(ledger)).toBe(pages))
})

/** A host whose kernel finds no more than `most` pages. */
function hostWith(total: number, free: number, { most = 10_000, availableMiB = 20_000 } = {}) {
  const facts = { total, free, availableMiB }
  const pool: HugepagePool = {
    read: () => ({ ...facts }),
    setTotal: (pages) => {
      const now = Math.min(pages, most)
      facts.free += now - facts.total
      facts.total = now
    },
  }
  return { facts, pool }
}

describe('hugepages of the host', () => {
  let dir: string, ledgerFile: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'nephele-hugepages-'))
    ledgerFile = join(dir, 'ledger.json')
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  const claim = (pool: HugepagePool, owner: string, pages: number, gone: string[] = []) =>
    claimHugepages(owner, pages, { ledgerFile, pool, isAlive: (other) => !gone.includes(other) })

  test('clouds come and go in any order, and the host has what it had', async () => {
    const { facts, pool } = hostWith(10, 4)
    expect(await claim(pool, 'a', 64)).toEqual({ before: 10, after: 70 })
    expect(await claim(pool, 'a', 64)).toEqual({ before: 70, after: 70 })
    expect(await claim(pool, 'b', 128)).toEqual({ before: 70, after: 198 })
    expect(await claim(pool, 'a', 0)).toEqual({ before: 198, after: 134 })
    expect(await claim(pool, 'b', 0)).toEqual({ before: 134, after: 10 })
    expect(facts).toMatchObject({ total: 10, free: 4 })
    expect(existsSync(ledgerFile)).toBe(false)
  })

  test('clouds that start at the same time are each given theirs', async () => {
    const { facts, pool } = hostWith(0, 0)
    await Promise.all(['a', 'b', 'c'].map((owner) => claim(pool, owner, 64)))
    expect(facts.total).toBe(192)
  })

  test('pages that an administrator added or took meanwhile stay as they are', async () => {
    const { pool } = hostWith(0, 0)
    await claim(pool, 'a', 64)
    pool.setTotal(pool.read().total + 100)
    expect(await claim(pool, 'a', 0)).toEqual({ before: 164, after: 100 })
  })

  test('a cloud whose folder is gone holds nothing any more', async () => {
    const { facts, pool } = hostWith(0, 0)
    await claim(pool, 'a', 64)
    await claim(pool, 'b', 64, ['a'])
    expect(facts.total).toBe(64)
  })

  test('without memory: refused, and nothing is changed', async () => {
    const { facts, pool } = hostWith(8, 0, { availableMiB: 600 })
    await expect(claim(pool, 'a', 64)).rejects.toThrow(/128 MiB of hugepages.* 600 MiB of memory left/)
    expect(facts.total).toBe(8)
    expect(existsSync(ledgerFile)).toBe(false)
  })

  test('when the kernel finds fewer they go back, and the other cloud keeps its own', async () => {
    const { facts, pool } = hostWith(0, 0, { most: 80 })
    await claim(pool, 'a', 64)
    await expect(claim(pool, 'b', 64)).rejects.toThrow(/the kernel found 32 MiB/)
    expect(facts.total).toBe(64)
    await claim(pool, 'a', 0)
    expect(facts.total).toBe(0)
  })
})
