// SPDX-License-Identifier: Apache-2.0
// Calls on a file system that may hang. Each takes one of the threads that all file work of the agent shares (libuv's pool), and none can
// be called back: a disk that hangs may take a few of them, never all.
import { TransientError } from '../../../../lib/errors.ts'

/** At once for one pool. agents/node/file-threads.ts has many times as many threads. */
const MOST_AT_ONCE = 4
/** For metadata of one file; a busy disk may take its time. */
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
  /** Of those that run: nobody waits for them any longer, and their threads are still taken. */
  #abandoned = 0
  #line: { enter: () => void; refuse: (error: Error) => void }[] = []

  constructor(options: PoolCallsOptions = {}) {
    this.#options = options
  }

  /**
   * While a call that was given up has not come back, no other is made.
   * @throws TransientError PoolUnresponsive; then `work` may still be under way, and no second one is before it has ended
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
    // Who is next takes the place over.
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
