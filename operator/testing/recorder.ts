// SPDX-License-Identifier: Apache-2.0
import { callName } from './call-name.ts'

/**
 * Wraps an object and records the start and end of each call, so that a test can check their order. For tests.
 */
export function recorded<T extends object>(target: T, name: string, log: string[]): T {
  return new Proxy(target, {
    get(_, property) {
      const value: unknown = Reflect.get(target, property, target)
      if (typeof value !== 'function') return value
      return (...args: unknown[]): unknown => {
        const call = `${name}.${callName(String(property), args)}`
        log.push(call)
        const result: unknown = value.apply(target, args)
        if (!(result instanceof Promise)) return result
        return result.finally(() => void log.push(`${call} ended`))
      }
    },
  })
}
