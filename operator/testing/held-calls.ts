// SPDX-License-Identifier: Apache-2.0
import { setImmediate } from 'node:timers/promises'
import { callName } from './call-name.ts'

/**
 * Wraps an object so that calls of some methods go through only when the test says so, the oldest first, and it can look at what is done
 * before an answer arrives. For tests.
 */
export class HeldCalls<T extends object> {
  /** To be used in place of the wrapped object. */
  readonly object: T
  /** Calls that wait for their answer, the oldest first. */
  readonly open: string[] = []
  readonly #gates: PromiseWithResolvers<undefined>[] = []

  constructor(target: T, held: RegExp) {
    this.object = new Proxy(target, {
      get: (_, property) => {
        const value: unknown = Reflect.get(target, property, target)
        if (typeof value !== 'function') return value
        if (!held.test(String(property))) return value.bind(target) as unknown
        return async (...args: unknown[]): Promise<unknown> => {
          const gate = Promise.withResolvers<undefined>()
          this.#gates.push(gate)
          this.open.push(callName(String(property), args))
          await gate.promise
          return value.apply(target, args) as unknown
        }
      },
    })
  }

  /** Lets the oldest open call through; resolves when everything that this sets off has come to rest. */
  async answer(): Promise<void> {
    this.open.shift()
    this.#gates.shift()?.resolve(undefined)
    await setImmediate()
  }
}

/** Has the run ended, once everything that can go on without help has done so? */
export async function isOver(run: Promise<unknown>): Promise<boolean> {
  let over = false
  const end = () => void (over = true)
  run.then(end, end)
  await setImmediate()
  return over
}
