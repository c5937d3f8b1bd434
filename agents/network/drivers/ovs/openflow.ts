// SPDX-License-Identifier: Apache-2.0
// As much of OpenFlow 1.0 as hands a bridge packets: by a connection of its own to the bridge's management socket, as ovs-ofctl(8) does,
// without starting it.
import { connectRemote } from '../../../../lib/ovsdb/remote.ts'

export interface Injected {
  /** Number of the bridge's port that it is treated as coming from. */
  inPort: number
  /** From the Ethernet header on. */
  frame: Buffer
}

const VERSION = 1
const HEADER_BYTES = 8
const [HELLO, ERROR, ECHO_REQUEST, ECHO_REPLY, PACKET_OUT, BARRIER_REQUEST, BARRIER_REPLY] = [0, 1, 2, 3, 13, 18, 19]
const NO_BUFFER = 0xffffffff
const ACTION_OUTPUT = 0
/** "To the flow tables": OFPP_TABLE. */
const TABLES = 0xfff9

/** Resolves once the bridge has sent them all through its flow tables. @throws when it takes none, or the signal aborts */
export async function injectPackets(socket: string, packets: readonly Injected[], signal: AbortSignal): Promise<void> {
  const stream = await connectRemote({ transport: 'unix', path: socket }, undefined, signal)
  try {
    await new Promise<void>((resolve, reject) => {
      let unread = Buffer.alloc(0)
      const onMessage = (type: number, message: Buffer): void => {
        if (type === HELLO) {
          for (const packet of packets) stream.write(packetOut(packet))
          stream.write(openFlow(BARRIER_REQUEST))
        } else if (type === ECHO_REQUEST) stream.write(openFlow(ECHO_REPLY, message.subarray(HEADER_BYTES)))
        else if (type === BARRIER_REPLY) resolve()
        else if (type === ERROR) reject(new Error(`the bridge takes no packet: OpenFlow error ${describe(message)}`))
      }
      stream.on('data', (chunk: Buffer) => {
        unread = Buffer.concat([unread, chunk])
        while (unread.length >= HEADER_BYTES) {
          const length = Math.max(unread.readUInt16BE(2), HEADER_BYTES)
          if (unread.length < length) break
          onMessage(unread.readUInt8(1), unread.subarray(0, length))
          unread = unread.subarray(length)
        }
      })
      stream.on('error', reject)
      stream.on('close', () => reject(new Error('the bridge closed the connection')))
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      stream.write(openFlow(HELLO))
    })
  } finally {
    stream.destroy()
  }
}

function openFlow(type: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt8(VERSION, 0)
  header.writeUInt8(type, 1)
  header.writeUInt16BE(HEADER_BYTES + body.length, 2)
  return Buffer.concat([header, body])
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
  return openFlow(PACKET_OUT, Buffer.concat([body, frame]))
}

/** `type/code`, as the specification numbers them. */
function describe(message: Buffer): string {
  return message.length < 12 ? 'without a number' : `${message.readUInt16BE(8)}/${message.readUInt16BE(10)}`
}
