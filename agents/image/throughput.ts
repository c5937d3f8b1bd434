// SPDX-License-Identifier: Apache-2.0
import { TransientError } from '../../lib/errors.ts'
import { withoutSecrets, type SourceLimits } from './source.ts'

/** Aborts a transfer that is too slow: to respond at first, and then to bring enough bytes in each window of time. */
export class ThroughputFloor {
  readonly #url: string
  readonly #limits: SourceLimits
  readonly #stop = new AbortController()
  #timer: NodeJS.Timeout
  #bytes = 0

  constructor(url: string, limits: SourceLimits) {
    this.#url = url
    this.#limits = limits
    const message = `${withoutSecrets(url)} gave no answer within ${limits.answerTimeoutMs / 1000} s`
    const late = new TransientError('ImageSourceUnavailable', message)
    this.#timer = setTimeout(() => this.#stop.abort(late), limits.answerTimeoutMs)
  }

  /** Aborts with the error that says why. */
  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** The source has responded: from now on bytes count. */
  answered(): void {
    clearTimeout(this.#timer)
    this.#timer = setInterval(() => {
      if (isTooSlow(this.#bytes, this.#limits)) this.#stop.abort(tooSlow(this.#url, this.#limits))
      this.#bytes = 0
    }, this.#limits.slowWindowMs)
  }

  came(bytes: number): void {
    this.#bytes += bytes
  }

  end(): void {
    clearInterval(this.#timer)
  }
}

/** Pure. @param bytes that arrived in one window */
function isTooSlow(bytes: number, limits: Pick<SourceLimits, 'minBytesPerSecond' | 'slowWindowMs'>): boolean {
  return bytes < (limits.minBytesPerSecond * limits.slowWindowMs) / 1000
}

function tooSlow(url: string, { minBytesPerSecond, slowWindowMs }: SourceLimits): TransientError {
  const floor = `${Math.round(minBytesPerSecond / 1024)} KiB a second over ${slowWindowMs / 1000} s`
  return new TransientError(
    'DownloadTooSlow',
    `${withoutSecrets(url)} sends less than ${floor}, the least that keeps a place for it; it is tried again later and goes on where it ended, or publish the image on a faster server`,
  )
}
