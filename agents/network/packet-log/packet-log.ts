// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'
import { CONTRACT_VERSION } from '../../../lib/contract/documents.ts'
import { PACKET_LOG_MS, type LoggedPackets, type PacketLog } from '../../../lib/contract/packet-log.ts'
import type { Logger } from '../../../lib/log.ts'
import { setPacketLog } from './controller-log.ts'
import { parseLogLine } from './log-line.ts'
import { LogRoom } from './log-room.ts'
import { LogTail, type NewLines } from './log-tail.ts'
import { PacketCounts } from './packet-counts.ts'
import type { PortDirectory } from './port-directory.ts'

export interface PacketLogOptions {
  /** ovn-controller's, which it also writes everything else to. */
  file: string
  /** Where its control socket is. */
  runDir: string
  ports: Pick<PortDirectory, 'find'>
  say: (log: PacketLog) => void
  log: Logger
}

const LOOK_MS = 1_000
const ANSWER_MS = 2_000

/**
 * Tells of packets that groups log, from ovn-controller's log: at most once in PACKET_LOG_MS, and nothing while there are none. Reads from
 * now on: what was logged while no agent ran is not told. Ends with the signal, and never rejects.
 */
export async function followPacketLog(options: PacketLogOptions, signal: AbortSignal): Promise<void> {
  const { file, runDir, ports, log } = options
  const tail = new LogTail(file)
  const counts = new PacketCounts()
  const room = new LogRoom(async (isOn) => {
    try {
      await setPacketLog(runDir, isOn, AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]))
      return true
    } catch (err) {
      log.debug({ err }, 'ovn-controller does not answer')
      return false
    }
  }, log)
  let said = -Infinity
  while (!signal.aborted) {
    const { lines, isBeyond } = await readNew(tail, log)
    const packets = lines.flatMap((line) => parseLogLine(line) ?? [])
    for (const packet of packets) {
      const port = ports.find(packet)
      if (port !== undefined) counts.add(packet, port)
    }
    const now = performance.now()
    await room.count(packets.length, isBeyond, now)
    if (now - said >= PACKET_LOG_MS && tell(counts.take(), options)) said = now
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined)
  }
  await tail.close()
}

/** Whether there was something. */
function tell(packets: LoggedPackets[], { say, log }: PacketLogOptions): boolean {
  if (packets.length === 0) return false
  for (const { flow, ...packet } of packets) log.info({ ...packet, ...flow }, 'packets logged')
  say({ v: CONTRACT_VERSION, packets })
  return true
}

async function readNew(tail: LogTail, log: Logger): Promise<NewLines> {
  try {
    return await tail.read()
  } catch (err) {
    log.debug({ err }, 'cannot read the log of ovn-controller')
    return { lines: [], isBeyond: false }
  }
}
