// SPDX-License-Identifier: Apache-2.0
// How much passes between two hosts, by real packets: what arrives is counted.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { exec } from '../../lib/exec.ts'
import { fabricNet } from '../../local/node/fabric.ts'
import type { TestCloud } from './cloud.ts'

/** Runs this program's Node in a network namespace. */
export type TrafficHost = (args: readonly string[], timeoutMs: number) => Promise<{ stdout: string }>

export interface Flow {
  from: TrafficHost
  to: TrafficHost
  /** Of `to`, as `from` reaches it. */
  address: string
  protocol?: 'tcp' | 'udp'
  /** Counted, after a first second that is not. */
  seconds?: number
  /** Of udp. */
  offeredKbps?: number
}

const PROGRAM = readFileSync(join(import.meta.dirname, 'traffic-program.mjs'), 'utf8')
const PORT = 5201
/** Ethernet, IPv4 and UDP; of TCP with its timestamps. */
const UDP_HEADERS = 14 + 20 + 8
const TCP_HEADERS = 14 + 20 + 32

/** A door's end of its port. */
export function atDoor({ cloud }: TestCloud, door: { node: string; netns: string }): TrafficHost {
  const node = ['ip', 'netns', 'exec', door.netns, '/opt/nephele/bin/node'] as const
  return (args, timeoutMs) => cloud.exec(door.node, [...node, ...args], { timeoutMs })
}

/** The gateway of the external network, nobody's node. */
export function atOutside({ cloud }: TestCloud): TrafficHost {
  const { fabric } = cloud.state
  if (!fabric) throw new Error('the cloud has no fabric')
  const node = ['nsenter', `--net=${fabricNet(fabric)}`, process.execPath] as const
  return (args, timeoutMs) => exec([...node, ...args], { timeoutMs })
}

/** What arrives, in kilobits a second, Ethernet headers included. @param mtu of the way, for the headers of tcp */
export async function measureKbps(flow: Flow, mtu = 1400): Promise<number> {
  const { from, to, address, protocol = 'tcp', seconds = 2, offeredKbps = 60_000 } = flow
  const run = (host: TrafficHost, ...args: string[]) =>
    host(['--input-type=module', '-e', PROGRAM, '--', ...args], (seconds + 20) * 1000)
  const received = run(to, 'receive', protocol, `${PORT}`, `${seconds}`)
  await sleep(500)
  await run(from, 'send', protocol, `${PORT}`, `${seconds + 1.5}`, address, `${offeredKbps}`)
  const { bytes, packets, ms } = JSON.parse((await received).stdout) as { bytes: number; packets: number; ms: number }
  const headers = protocol === 'udp' ? packets * UDP_HEADERS : (bytes / (mtu + 14 - TCP_HEADERS)) * TCP_HEADERS
  return ((bytes + headers) * 8) / ms
}
