// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { z } from 'zod'
import { readIfThere, writeWhole } from '../../lib/durable-files.ts'
import { mkdir } from 'node:fs/promises'

const Anchor = z.object({ bootId: z.string(), wallMs: z.number(), monotonicMs: z.number() })

export interface Clocks {
  wallMs(): number
  /** Since the host booted; the same for all processes. */
  monotonicMs(): number
}

const HOST_CLOCKS: Clocks = {
  wallMs: Date.now,
  monotonicMs: () => Number(process.hrtime.bigint() / 1_000_000n),
}

/**
 * The time as the first agent of this boot had it, continued by a clock that cannot be set: a correction by NTP must not count as time that
 * a guest had. Kept where a reboot clears it.
 */
export async function openSteadyClock(runDir: string, bootId: string, clocks = HOST_CLOCKS): Promise<() => number> {
  const file = join(runDir, 'clock.json')
  const kept = Anchor.safeParse(parse(await readIfThere(file)))
  const isOurs = kept.success && kept.data.bootId === bootId
  const anchor = isOurs ? kept.data : { bootId, wallMs: clocks.wallMs(), monotonicMs: clocks.monotonicMs() }
  if (!isOurs) {
    await mkdir(runDir, { recursive: true })
    await writeWhole(file, JSON.stringify(anchor))
  }
  return () => anchor.wallMs + clocks.monotonicMs() - anchor.monotonicMs
}

/** The same, opened at the first use, and again after a failure. */
export function steadyClock(runDir: string, bootId: string): () => Promise<number> {
  let opening: Promise<() => number> | undefined
  return async () => {
    opening ??= openSteadyClock(runDir, bootId)
    try {
      return (await opening)()
    } catch (error) {
      opening = undefined
      throw error
    }
  }
}

function parse(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown)
  } catch {
    return undefined
  }
}
