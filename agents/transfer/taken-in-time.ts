// SPDX-License-Identifier: Apache-2.0

/** Passes chunks on. Whoever takes longer than `limitMs` for one is given up; the time that reading them takes does not count. */
export async function* takenInTime<T>(
  chunks: AsyncIterable<T>,
  limitMs: number,
  giveUp: () => void,
): AsyncGenerator<T> {
  for await (const chunk of chunks) {
    const late = setTimeout(giveUp, limitMs)
    try {
      yield chunk
    } finally {
      clearTimeout(late)
    }
  }
}
