// SPDX-License-Identifier: Apache-2.0
import { expect } from '@jest/globals'
import type { ExecResult } from '../../lib/exec.ts'

/** Runs a program where the pings come from. */
type Within = (argv: readonly string[], timeoutMs?: number) => Promise<ExecResult>

/**
 * The longest time without an answer, in milliseconds, of twenty pings a second for so many seconds, up to the end.
 * @param during is begun a second after the first ping
 * @param from the address that they are sent from; absent: as the host chooses
 */
export async function longestGap(
  within: Within,
  address: string,
  seconds: number,
  during: () => Promise<unknown>,
  from?: string,
): Promise<number> {
  const source = from === undefined ? '' : '-I "$2"'
  const ping = within(
    ['sh', '-c', `ping -D -i 0.05 -c ${seconds * 20} ${source} "$1"; :`, 'sh', address, from ?? ''],
    (seconds + 20) * 1000,
  )
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  await during()
  const { stdout } = await ping
  const at = [...stdout.matchAll(/^\[(\d+\.\d+)\] \d+ bytes/gm)].map(([, time]) => Number(time) * 1000)
  expect(at.length).toBeGreaterThan(1)
  at.push((at[0] ?? 0) + seconds * 1000)
  return Math.max(...at.slice(1).map((time, i) => time - (at[i] ?? time)))
}
