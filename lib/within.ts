// SPDX-License-Identifier: Apache-2.0

export interface Limit {
  timeoutMs?: number
  signal?: AbortSignal
  /** Makes the error when the time is over; a TimeoutError when absent. */
  late?: () => Error
}

/**
 * Resolves with the result of the work if that comes in time. Otherwise the work goes on, and its outcome is ignored. Leaves no timer and
 * no listener. @throws the signal's reason when that aborts
 */
export async function within<T>(work: Promise<T>, { timeoutMs, signal, late = noAnswer }: Limit): Promise<T> {
  work.catch(() => undefined)
  const over = Promise.withResolvers<never>()
  const end = (): void => over.reject(signal?.reason as Error)
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => over.reject(late()), timeoutMs)
  signal?.addEventListener('abort', end, { once: true })
  if (signal?.aborted) end()
  try {
    return await Promise.race([work, over.promise])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', end)
  }
}

function noAnswer(): Error {
  return new DOMException('no answer in time', 'TimeoutError')
}
