// SPDX-License-Identifier: Apache-2.0
// As much of OpenFlow 1.0, which every bridge takes, as hands a bridge packets.
import { NO_BUFFER, openOpenFlow } from './openflow-connection.ts'

export interface Injected {
  /** Number of the bridge's port that it is treated as coming from. */
  inPort: number
  /** From the Ethernet header on. */
  frame: Buffer
}

const PACKET_OUT = 13
const ACTION_OUTPUT = 0
/** "To the flow tables": OFPP_TABLE. */
const TABLES = 0xfff9

/** Resolves once the bridge has sent them all through its flow tables. @throws when it takes none, or the signal aborts */
export async function injectPackets(socket: string, packets: readonly Injected[], signal: AbortSignal): Promise<void> {
  const connection = await openOpenFlow(socket, 1, signal)
  try {
    for (const packet of packets) connection.send(PACKET_OUT, packetOut(packet))
    await connection.barrier(signal)
  } finally {
    connection.close()
  }
}

function packetOut({ inPort, frame }: Injected): Buffer {
  const body = Buffer.alloc(16)
  body.writeUInt32BE(NO_BUFFER, 0)
  body.writeUInt16BE(inPort, 4)
  // One action of eight bytes: its type, its length, the port, and a length that only controllers have.
  body.writeUInt16BE(8, 6)
  body.writeUInt16BE(ACTION_OUTPUT, 8)
  body.writeUInt16BE(8, 10)
  body.writeUInt16BE(TABLES, 12)
  return Buffer.concat([body, frame])
}
