// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { TransientError } from '../../lib/errors.ts'
import { measured, type EndedCall } from './measured.ts'

class Driver {
  readonly name = 'files'
  #made = 0

  async make(by: number): Promise<number> {
    // Of its own: told once, as what was called from outside.
    await this.grow(by)
    return this.#made
  }

  async grow(by: number): Promise<void> {
    this.#made += by
  }

  async fail(signal: AbortSignal): Promise<void> {
    await new Promise((_, reject) => {
      if (signal.aborted) reject(new Error('given up'))
      else setImmediate(() => reject(new Error('no luck')))
    })
  }

  async refuse(reason: string): Promise<void> {
    throw new TransientError(reason, 'no')
  }

  find(): number {
    return this.#made
  }

  throws(): Promise<void> {
    throw new Error('at once')
  }

  watch(): Promise<void> {
    return Promise.resolve()
  }
}

test('calls are told by what they came to, and the driver behaves as it does', async () => {
  const told: EndedCall[] = []
  const driver = measured(new Driver(), (call) => told.push(call))
  expect([driver.name, driver instanceof Driver, driver.find()]).toEqual(['files', true, 0])
  expect([await driver.make(2), driver.find()]).toEqual([2, 2])
  await expect(driver.fail(new AbortController().signal)).rejects.toThrow('no luck')
  await expect(driver.fail(AbortSignal.abort())).rejects.toThrow('given up')
  expect(() => driver.throws()).toThrow('at once')
  await expect(driver.refuse('ImageSourceUnavailable')).rejects.toThrow('no')
  await expect(driver.refuse('DomainRefused')).rejects.toThrow('no')
  await driver.watch()
  expect(told.map(({ call, result }) => [call, result])).toEqual([
    ['make', 'ok'],
    ['fail', 'error'],
    ['fail', 'aborted'],
    // A dead URL is its user's; what the hypervisor refuses is not.
    ['refuse', 'refused'],
    ['refuse', 'error'],
  ])
  expect(told.every(({ seconds }) => seconds >= 0 && seconds < 5)).toBe(true)
})
