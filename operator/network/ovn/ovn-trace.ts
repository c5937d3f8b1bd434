// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'
import { TransientError } from '../../../lib/errors.ts'
import { exec, ExecError } from '../../../lib/exec.ts'
import type { LogicalPacket } from '../logical-trace.ts'
import { microflowOf, trackedAs } from './trace-microflow.ts'
import { parseTrace, type TraceEvent } from './parse-trace.ts'

export interface OvnTraceOptions {
  /** The program, of OVN's own version, and what goes before its arguments. */
  command: readonly [string, ...string[]]
  /** The southbound database, for reading, such as ssl:10.0.0.1:6643. */
  database: string
  /** PEM; for ssl: only. */
  tls?: { caFile: string; certFile: string; keyFile: string } | undefined
  /** Of memory that it may map: what it needs more is a cloud that it is not for, and the operator must not suffer. prlimit(1) */
  memoryMiB: number
}

/** It reads the whole southbound database, which takes as long as that is large. */
const TIMEOUT_MS = 60_000
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024

/** ovn-trace(8): how OVN forwards a packet by its present tables. It reads, and sends nothing. */
export class OvnTrace {
  readonly #options: OvnTraceOptions
  #rested: Promise<unknown> = Promise.resolve()

  constructor(options: OvnTraceOptions) {
    this.#options = options
  }

  /** @throws TransientError('TraceUnavailable') */
  async follow(packet: LogicalPacket, signal: AbortSignal): Promise<TraceEvent[]> {
    const argv = traceArguments(this.#options, packet)
    await this.#rested
    signal.throwIfAborted()
    const begun = performance.now()
    const stdout = await this.#run(argv, signal).finally(() => {
      // The server of the database writes all of it for each run, and does nothing else meanwhile: nodes have half of its time at least.
      this.#rested = sleep(performance.now() - begun, undefined, { ref: false })
    })
    const events = parseTrace(stdout)
    if (events) return events
    // A port that is on no node's way yet, or no more.
    throw new TransientError(
      'TraceUnavailable',
      `ovn-trace does not know the sender yet: ${stdout.slice(0, 200).trim()}`,
    )
  }

  async #run(argv: readonly string[], signal: AbortSignal): Promise<string> {
    const limit = `--as=${this.#options.memoryMiB * 1024 * 1024}`
    const options = { timeoutMs: TIMEOUT_MS, signal, maxOutputBytes: MAX_OUTPUT_BYTES }
    try {
      return (await exec(['prlimit', limit, '--', ...argv], options)).stdout
    } catch (error) {
      signal.throwIfAborted()
      const isSlow = error instanceof ExecError && error.timedOut
      const what = isSlow ? `took longer than ${TIMEOUT_MS / 1000} s` : 'failed, perhaps for want of memory'
      throw new TransientError('TraceUnavailable', `ovn-trace ${what}: ask whoever runs the cloud`, { cause: error })
    }
  }
}

/** Pure. The last argument is the only one that has anything of a user, checked by microflowOf. */
export function traceArguments({ command, database, tls }: OvnTraceOptions, packet: LogicalPacket): string[] {
  const files = tls ? [`--private-key=${tls.keyFile}`, `--certificate=${tls.certFile}`, `--ca-cert=${tls.caFile}`] : []
  const options = [
    `--db=${database}`,
    '--no-leader-only',
    '--no-friendly-names',
    '--detailed',
    '-vsyslog:off',
    ...files,
  ]
  return [...command, ...options, ...trackedAs(packet), '--', microflowOf(packet)]
}
