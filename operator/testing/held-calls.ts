// SPDX-License-Identifier: Apache-2.0
import { setImmediate } from 'node:timers/promises'
import { callName } from './call-name.ts'

/**
 * The same object, whose calls of some methods end only when a test says so, the oldest first: what is said or done before an answer
 * came can be looked at. For tests.
 */
export class HeldCalls<T extends object> {
  /** In place of the object. */
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

  /** The oldest open call ends; resolves when all that this sets free stands still again. */
  async answer(): Promise<void> {
    this.open.shift()
    this.#gates.shift()?.resolve(undefined)
    await setImmediate()
  }
}

/** Has it come to an end, once all that can go on by itself has gone on? */
export async function isOver(run: Promise<unknown>): Promise<boolean> {
  let over = false
  const end = () => void (over = true)
  run.then(end, end)
  await setImmediate()
  return over
}
