// SPDX-License-Identifier: Apache-2.0
// Guests that work while something is killed: one writes to its volume and reads back what it wrote, the other asks the first over
// the network. Both print a line a round, so that the console tells whether load ran before and after.
import type { Instance } from '../../lib/api/types.ts'
import { consoleText } from './console.ts'
import { lastBoot, parseMarks } from './marks.ts'
import type { Project } from './project.ts'
import { waitUntilTrue } from './wait.ts'

export const BLOCK_BYTES = 65_536
const WRITTEN_BLOCKS = 256
/** Rounds that the writer may have gone through unheard before its guest was off: the kernel's last words cut its own. */
const UNHEARD_ROUNDS = 8
const UP = 'up() { cut -d" " -f1 /proc/uptime; }'

/** Rounds of 64 KiB of new random data, synced, the page cache dropped, read again: `MARK write <uptime> <round> <sum> <sum read>`. */
export const WRITER = `#!/bin/sh
${UP}
( n=0; while :; do n=$((n+1)); at=$((n % ${WRITTEN_BLOCKS}))
  head -c ${BLOCK_BYTES} /dev/urandom > /tmp/block
  sum=$(sha256sum /tmp/block | cut -c1-16)
  dd if=/tmp/block of=/dev/vdb bs=${BLOCK_BYTES} seek=$at conv=notrunc,fsync 2>/dev/null || echo "MARK write-failed $(up) $n" > /dev/console
  echo 3 > /proc/sys/vm/drop_caches
  got=$(dd if=/dev/vdb bs=${BLOCK_BYTES} skip=$at count=1 2>/dev/null | sha256sum | cut -c1-16)
  echo "MARK write $(up) $n $sum $got" > /dev/console
  sleep 0.2
done ) &
`

/** Asks the guest at `address` for its boot id: `MARK ask <uptime> <boot id>`, or `MARK unanswered <uptime>`. */
export const asker = (address: string) => `#!/bin/sh
${UP}
( while :; do
  got=$(wget -q -T 2 -O - http://${address}/boot_id) && echo "MARK ask $(up) $got" > /dev/console || echo "MARK unanswered $(up)" > /dev/console
  sleep 0.3
done ) &
`

export interface LoadState {
  bootId: string
  rounds: number
  /** Lines whose two sums differ, and writes that failed. */
  broken: string[]
  /** What each round said, after its name and time; a line that init or the kernel printed into is none. */
  lines: string[]
}

const WHOLE_LINE = { write: /^\d+ [\da-f]{16} [\da-f]{16}$/, ask: /^[\da-f-]{36}$/ }

/** What a guest's console says of its load since its last boot. */
export function readLoad(project: Project, instance: Instance, what: 'write' | 'ask'): LoadState {
  const marks = lastBoot(parseMarks(consoleText(project.test.cloud, instance)))
  const rounds = marks.filter((m) => m.what === what && WHOLE_LINE[what].test(m.rest))
  const broken = marks
    .filter((m) => m.what === 'write-failed' || (m.what === 'write' && differ(m.rest)))
    .map((m) => `${m.what} ${m.rest}`)
  const lines = rounds.map((m) => m.rest)
  return { bootId: marks.find((m) => m.what === 'boot')?.rest ?? '', rounds: rounds.length, broken, lines }
}

/** Lines of rounds that the guest itself read back: one that its disk left in the midst, as it was switched off, promised nothing. */
export const confirmed = (lines: readonly string[]): string[] => lines.filter((line) => !differ(line))

/** Blocks of 64 KiB that a volume holds now must be: first 16 characters of the SHA-256 by block number, as the writer last said. */
export function expectedBlocks(lines: readonly string[]): Map<number, string> {
  const sums = new Map<number, string>()
  for (const line of lines) {
    const [round = '', sum = ''] = line.split(' ')
    sums.set(Number(round), sum)
  }
  const blocks = new Map<number, string>()
  for (let round = 1; round <= Math.max(...sums.keys()) + UNHEARD_ROUNDS; round++) {
    const sum = sums.get(round)
    if (sum === undefined) blocks.delete(round % WRITTEN_BLOCKS)
    else blocks.set(round % WRITTEN_BLOCKS, sum)
  }
  return blocks
}

function differ(rest: string): boolean {
  const [, sum, got] = rest.split(' ')
  return sum !== got
}

/** Waits until the load of a guest went through `more` further rounds. */
export async function waitForRounds(
  project: Project,
  instance: Instance,
  what: 'write' | 'ask',
  more: number,
  timeoutMs = 60_000,
): Promise<LoadState> {
  const start = readLoad(project, instance, what).rounds
  return waitUntilTrue(
    `${more} more rounds of "${what}" in ${instance.metadata.name}`,
    () => {
      const now = readLoad(project, instance, what)
      return now.rounds >= start + more ? now : undefined
    },
    timeoutMs,
  )
}
