// SPDX-License-Identifier: Apache-2.0
// Two leaders on one store, whatever happens to their requests: no range is ever two holders', what was answered is what is stored, and
// who asks again gets what he has.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Subnet, SubnetPool } from '../../lib/api/types.ts'
import { SUBNET_POOL } from '../../lib/api/kinds.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { ApiError, UnreachableError } from '../../lib/kube/errors.ts'
import { stored } from '../testing/memory-deps.ts'
import { findCidr, overlaps } from './address.ts'
import { giveRange, type Given } from './give-range.ts'
import { takeBack } from './pool-ranges.ts'
import { RangeBook } from './range-book.ts'

type Fault = 'request' | 'answer' | undefined
const REF = { namespace: 'ns', name: 'pool' }

/** One SubnetPool, as atomic as the apiserver's writes. */
class Store {
  pool: SubnetPool | undefined = stored<SubnetPool>(
    'pool',
    { prefixes: ['10.0.0.0/22'] },
    { status: { prefixes: ['10.0.0.0/22'] } },
  )
  writes = 0
  next: () => Promise<Fault> = () => Promise.resolve(undefined)

  readonly client = {
    find: async () => {
      if ((await this.next()) !== undefined) throw new UnreachableError('find', new Error('lost'))
      return structuredClone(this.pool)
    },
    updateStatus: async (_kind: unknown, object: SubnetPool) => {
      const fault = await this.next()
      if (fault === 'request') throw new UnreachableError('updateStatus', new Error('lost'))
      this.#put(object)
      if (fault === 'answer') throw new UnreachableError('updateStatus', new Error('lost'))
      return object
    },
  } as unknown as KubeClient

  #put({ metadata, status }: SubnetPool): void {
    if (!this.pool) throw new ApiError('updateStatus', 404, { reason: 'NotFound' })
    if (metadata.resourceVersion !== this.pool.metadata.resourceVersion)
      throw new ApiError('updateStatus', 409, { reason: 'Conflict' })
    this.writes++
    const resourceVersion = String(Number(metadata.resourceVersion) + 1)
    this.pool = { ...this.pool, metadata: { ...metadata, resourceVersion }, status: structuredClone(status ?? {}) }
  }

  get given() {
    return this.pool?.status?.allocations ?? []
  }
}

const subnet = (name: string, spec: Partial<Subnet['spec']> = {}) =>
  stored<Subnet>(name, { networkRef: { name: 'lan' }, subnetPoolRef: { name: 'pool' }, ...spec })
const give = (book: RangeBook, one: Subnet) =>
  book.change<SubnetPool, Given>(SUBNET_POOL, REF, (pool) => giveRange(pool, one))
const back = (book: RangeBook, one: Subnet) =>
  book.change<SubnetPool, boolean>(SUBNET_POOL, REF, (pool) => takeBack(pool, new Set([one.metadata.uid])))

describe('ranges', () => {
  test('many that come at once need few writes, and each has its own', async () => {
    const store = new Store()
    const book = new RangeBook(store.client)
    const four = await Promise.all(['a', 'b', 'c', 'd'].map((name) => give(book, subnet(name))))
    expect(four).toEqual([0, 1, 2, 3].map((i) => ({ cidr: `10.0.${i}.0/24` })))
    expect(store.writes).toBe(2)
    expect(await give(book, subnet('b'))).toEqual({ cidr: '10.0.1.0/24' })
    expect(store.writes).toBe(2)
    expect(store.pool?.status?.subnets).toBe(4)
  })
  test('one that cannot be met does not fail the others', async () => {
    const store = new Store()
    const book = new RangeBook(store.client)
    const asked = [subnet('a'), subnet('b', { prefixLength: 7 }), subnet('c', { cidr: '10.0.0.0/25' }), subnet('d')]
    const answers = await Promise.all(asked.map((one) => give(book, one)))
    expect(answers).toMatchObject([
      { cidr: '10.0.0.0/24' },
      { never: { reason: 'PrefixLengthNotAllowed' } },
      { refused: { reason: 'CIDRInUse' } },
      { cidr: '10.0.1.0/24' },
    ])
  })
  test('of what does not exist there are none', async () => {
    const store = new Store()
    store.pool = undefined
    expect(await give(new RangeBook(store.client), subnet('a'))).toBeUndefined()
  })
  test('who always loses is told to come again', async () => {
    const store = new Store()
    store.next = () => {
      const { pool } = store
      if (pool) store.pool = { ...pool, metadata: { ...pool.metadata, resourceVersion: `${store.writes--}` } }
      return Promise.resolve(undefined)
    }
    await expect(give(new RangeBook(store.client), subnet('a'))).rejects.toMatchObject({ reason: 'AddressContention' })
  })

  const step = fc.record({
    book: fc.nat({ max: 1 }),
    name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    does: fc.constantFrom('give', 'give', 'back'),
    length: fc.integer({ min: 23, max: 26 }),
  })
  const fault = fc.oneof(
    { weight: 5, arbitrary: fc.constant<Fault>(undefined) },
    { weight: 1, arbitrary: fc.constant<Fault>('request') },
    { weight: 1, arbitrary: fc.constant<Fault>('answer') },
  )
  test('of two leaders are disjoint, kept for life and given back once, whatever gets lost', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(step, { maxLength: 25 }),
        fc.array(fault, { maxLength: 40 }),
        async (s, steps, faults) => {
          const store = new Store()
          store.next = () => s.schedule(Promise.resolve(faults.shift()))
          const books = [new RangeBook(store.client), new RangeBook(store.client)]
          /** What was answered; one that is given back may have nothing any more. */
          const has = new Map<string, string>()
          const going = new Set<string>()
          const under = steps.map(async ({ book: number, name, does, length }) => {
            const book = books[number]
            if (!book) return
            const one = subnet(name, { prefixLength: length })
            if (does === 'back') {
              going.add(name)
              await back(book, one).catch(() => undefined)
              return
            }
            const given = await give(book, one).catch(() => undefined)
            if (!given || !('cidr' in given)) return
            if (!going.has(name)) expect(has.get(name) ?? given.cidr).toBe(given.cidr)
            has.set(name, given.cidr)
          })
          await s.waitFor(Promise.all(under))
          const ranges = store.given.flatMap(({ cidr }) => findCidr(cidr) ?? [])
          for (const [i, one] of ranges.entries())
            for (const other of ranges.slice(i + 1)) expect(overlaps(one, other)).toBe(false)
          for (const [name, cidr] of has)
            if (!going.has(name))
              expect(store.given).toContainEqual({ cidr, holder: `ns/${name}`, holderUID: `uid-${name}` })
          // Nobody has two.
          expect(new Set(store.given.map(({ holderUID }) => holderUID)).size).toBe(store.given.length)
        },
      ),
      { numRuns: 200 },
    )
  })
})
