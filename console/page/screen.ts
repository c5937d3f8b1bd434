// SPDX-License-Identifier: Apache-2.0

/** A console that is shown. */
export interface Screen {
  readonly tools: readonly { label: string; help: string; run: () => void }[]
  /** It is over: what it showed last stays to be read. */
  end(): void
  /** Makes room for another. */
  remove(): void
}
