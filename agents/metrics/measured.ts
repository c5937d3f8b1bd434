// SPDX-License-Identifier: Apache-2.0
import { isUserFault } from '../../lib/user-faults.ts'

/** Refused is what a user has to mend: an image that is not there, a guest without an agent. */
export const CALL_RESULTS = ['ok', 'error', 'refused', 'aborted'] as const
export type CallResult = (typeof CALL_RESULTS)[number]

export interface EndedCall {
  call: string
  args: readonly unknown[]
  result: CallResult
  seconds: number
}

/** Ends with its listener, not with its work. */
const ENDLESS = new Set(['watch'])

/**
 * The same object, of which each method that returns a promise tells when that has settled. What it calls of itself is not told, and what
 * answers at once neither: that asks no backend. Names of calls are those of its class, a closed list.
 */
export function measured<T extends object>(calls: T, onEnd: (ended: EndedCall) => void): T {
  const wrappers = new Map<string | symbol, unknown>()
  return new Proxy(calls, {
    get(target, name) {
      // Not the proxy as the receiver: private fields are the target's alone.
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function' || typeof name !== 'string' || name === 'constructor') return value
      const known = wrappers.get(name)
      if (known !== undefined) return known
      const wrapper = (...args: unknown[]): unknown => {
        const startedMs = performance.now()
        const method = Reflect.get(target, name, target) as (...a: unknown[]) => unknown
        const returned: unknown = Reflect.apply(method, target, args)
        if (!(returned instanceof Promise) || ENDLESS.has(name)) return returned
        const tell = (result: CallResult) =>
          onEnd({ call: name, args, result, seconds: (performance.now() - startedMs) / 1000 })
        returned.then(
          () => tell('ok'),
          (error: unknown) => tell(wasAborted(args) ? 'aborted' : isUserFault(error) ? 'refused' : 'error'),
        )
        return returned
      }
      wrappers.set(name, wrapper)
      return wrapper
    },
  })
}

function wasAborted(args: readonly unknown[]): boolean {
  return args.some((arg) => arg instanceof AbortSignal && arg.aborted)
}
