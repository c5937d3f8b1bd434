// SPDX-License-Identifier: Apache-2.0
// Meters of OpenFlow 1.3 that count packets (ONF TS-006, A.3.4.5): added, changed, removed and listed. Pure: bodies of messages, after the header.
import type { PacketRate } from '../../packet-rate-driver.ts'
import type { OpenFlowMessage } from './openflow-connection.ts'
import { readPart, type Part } from './multipart.ts'

export interface Meter {
  number: number
  /** Undefined: it is no such meter as `meterChange` makes. */
  rate: PacketRate | undefined
}

const [MULTIPART_METER_CONFIG, ALL_METERS] = [10, 0xffffffff]
const COMMAND = { add: 0, modify: 1, delete: 2 } as const
/** OFPMF_PKTPS and OFPMF_BURST. */
const PACKETS_WITH_BURST = 2 | 4
const DROP = 1
const BAND_BYTES = 16

export function meterChange(command: 'add' | 'modify', number: number, rate: PacketRate): Buffer {
  const band = Buffer.alloc(BAND_BYTES)
  band.writeUInt16BE(DROP, 0)
  band.writeUInt16BE(BAND_BYTES, 2)
  band.writeUInt32BE(rate.packetsPerSecond, 4)
  band.writeUInt32BE(rate.burstPackets, 8)
  return Buffer.concat([meterMod(command, number), band])
}

/** The flows that send packets through it go with it. */
export function meterRemoval(number: number): Buffer {
  return meterMod('delete', number)
}

function meterMod(command: keyof typeof COMMAND, number: number): Buffer {
  const body = Buffer.alloc(8)
  body.writeUInt16BE(COMMAND[command], 0)
  body.writeUInt16BE(PACKETS_WITH_BURST, 2)
  body.writeUInt32BE(number, 4)
  return body
}

/** Asks for all of them. */
export function metersRequest(): Buffer {
  const body = Buffer.alloc(16)
  body.writeUInt16BE(MULTIPART_METER_CONFIG, 0)
  body.writeUInt32BE(ALL_METERS, 8)
  return body
}

/** One part of the answer to that. Undefined: it is another message. */
export function readMeters(message: OpenFlowMessage): Part<Meter> | undefined {
  return readPart(message, MULTIPART_METER_CONFIG, 8, readMeter)
}

function readMeter(entry: Buffer): Meter {
  const bands = entry.subarray(8)
  const isOurs =
    (entry.readUInt16BE(2) & 7) === PACKETS_WITH_BURST && bands.length === BAND_BYTES && bands.readUInt16BE(0) === DROP
  const rate = isOurs ? { packetsPerSecond: bands.readUInt32BE(4), burstPackets: bands.readUInt32BE(8) } : undefined
  return { number: entry.readUInt32BE(4), rate }
}
