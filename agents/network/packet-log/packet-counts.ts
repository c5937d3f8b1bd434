// SPDX-License-Identifier: Apache-2.0
import { MOST_LOGGED, type LoggedPackets } from '../../../lib/contract/packet-log.ts'
import type { LoggedPacket } from './log-line.ts'

/** Kinds of packets of one group that are told one by one in a message; the others are counted together. */
const MOST_OF_A_GROUP = 8

/** What was logged since the last message. Its size is bounded, whatever guests send, and one group takes no other's room. */
export class PacketCounts {
  #entries = new Map<string, LoggedPackets>()
  #told = new Map<string, number>()

  add({ group, rule, verdict, direction, flow }: LoggedPacket, port: string): void {
    const common = { group, rule, verdict, direction, port }
    const { protocol, source, destination, destinationPort, icmpType, icmpCode } = flow
    const key = Object.values(common).join()
    const whole = [key, protocol, source, destination, destinationPort, icmpType, icmpCode].join()
    const known = this.#entries.get(whole) ?? (this.#hasRoom(group) ? undefined : this.#entries.get(key))
    if (known) known.count++
    else if (this.#hasRoom(group)) {
      this.#told.set(group, (this.#told.get(group) ?? 0) + 1)
      this.#entries.set(whole, { ...common, count: 1, flow })
    } else if (this.#entries.size < MOST_LOGGED) this.#entries.set(key, { ...common, count: 1 })
  }

  /** Empty again. */
  take(): LoggedPackets[] {
    const entries = [...this.#entries.values()]
    this.#entries = new Map()
    this.#told = new Map()
    return entries
  }

  #hasRoom(group: string): boolean {
    return (this.#told.get(group) ?? 0) < MOST_OF_A_GROUP && this.#entries.size < MOST_LOGGED
  }
}
