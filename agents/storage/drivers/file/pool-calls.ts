// SPDX-License-Identifier: Apache-2.0
// Calls on a file system that may hang. Each takes one of the threads that all file work of the agent shares (libuv's pool), and cannot be
// cancelled: a disk that hangs may take a few of them, but never all.
import { TransientError } from '../../../../lib/errors.ts'

/** Concurrent calls for one pool. agents/node/file-threads.ts provides many times as many threads. */
const MOST_AT_ONCE = 4
/** For the metadata of one file; a busy disk may be slow. */
const LIMIT_MS = 60_000

export interface PoolCallsOptions {
  mostAtOnce?: number
  limitMs?: number
  /** The pool has stopped answering, or answers again. */
  onChange?: (answers: boolean) => void
}

export class PoolCalls {
  readonly #options: PoolCallsOptions
  #running = 0
  /** Running calls that nobody waits for any more, but whose threads are still taken. */
  #abandoned = 0
  #line: { enter: () => void; refuse: (error: Error) => void }[] = []

  constructor(options: PoolCallsOptions = {}) {
    this.#options = options
  }

  /**
   * While an abandoned call has not returned, no new one is made.
   * @throws TransientError PoolUnresponsive; then `work` may still be running, and it is not started a second time before it ends
   */
  async run<T>(work: () => Promise<T>, limitMs = this.#options.limitMs ?? LIMIT_MS): Promise<T> {
    await this.#enter()
    return new Promise<T>((resolve, reject) => {
      let isAbandoned = false
      const timer = setTimeout(() => {
        isAbandoned = true
        this.#abandon()
        reject(unresponsive())
      }, limitMs)
      const leave = (settle: () => void): void => {
        clearTimeout(timer)
        settle()
        this.#leave(isAbandoned)
      }
      work().then(
        (value) => leave(() => resolve(value)),
        // whatever the work throws is passed on as it is
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
        (error: unknown) => leave(() => reject(error)),
      )
    })
  }

  #enter(): Promise<void> {
    if (this.#abandoned > 0) return Promise.reject(unresponsive())
    if (this.#running < (this.#options.mostAtOnce ?? MOST_AT_ONCE)) {
      this.#running += 1
      return Promise.resolve()
    }
    return new Promise((enter, refuse) => this.#line.push({ enter, refuse }))
  }

  #abandon(): void {
    this.#abandoned += 1
    if (this.#abandoned > 1) return
    for (const { refuse } of this.#line.splice(0)) refuse(unresponsive())
    this.#options.onChange?.(false)
  }

  #leave(wasAbandoned: boolean): void {
    // The next one takes over the place.
    const next = this.#line.shift()
    if (next) next.enter()
    else this.#running -= 1
    if (!wasAbandoned) return
    this.#abandoned -= 1
    if (this.#abandoned === 0) this.#options.onChange?.(true)
  }
}

function unresponsive(): TransientError {
  return new TransientError(
    'PoolUnresponsive',
    "the pool's disk does not answer: look at the node's kernel log and at the disk or server behind the pool; tried again once it answers",
  )
}
