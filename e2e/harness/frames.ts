// SPDX-License-Identifier: Apache-2.0
// Which nodes send frames under a MAC address into the physical network, and when: listened to on the cables, so that a node has no say in it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { defineNodes } from '../../local/cloud/definition.ts'
import { fabricNet } from '../../local/node/fabric.ts'
import type { TestCloud } from './cloud.ts'

export interface Frame {
  node: string
  /** As Date.now() has it. */
  atMs: number
  /** ARP and reverse ARP say where an address is; everything else is forwarded. */
  isAnnouncement: boolean
}

/** @returns ends the listening; the frames in the order of time */
export async function listenToFrames(
  test: TestCloud,
  nodes: readonly string[],
  mac: string,
): Promise<() => Promise<Frame[]>> {
  const ends = await Promise.all(nodes.map((node) => listenTo(test, node, mac)))
  return async () => (await Promise.all(ends.map((end) => end()))).flat().sort((a, b) => a.atMs - b.atMs)
}

async function listenTo({ cloud }: TestCloud, node: string, mac: string): Promise<() => Promise<Frame[]>> {
  const { fabric, rootfs } = cloud.state
  const index = defineNodes(cloud.state).find(({ name }) => name === node)?.index
  if (!fabric || index === undefined) throw new Error(`no node ${node} on a fabric`)
  const tcpdump = ['tcpdump', '-i', `n${index}-x`, '-Q', 'in', '-l', '-n', '-e', '-tt', 'ether', 'src', mac]
  const child = spawn('nsenter', [`--net=${fabricNet(fabric)}`, `--root=${rootfs}`, '--wd=/', '--', ...tcpdump])
  const ended = once(child, 'exit')
  let text = ''
  child.stdout.on('data', (data: Buffer) => (text += data.toString()))
  // It says that it listens.
  await Promise.race([
    once(child.stderr, 'data'),
    ended.then(([code]) => Promise.reject(new Error(`tcpdump: ${code}`))),
  ])
  return async () => {
    child.kill('SIGINT')
    await ended
    return parseFrames(node, text)
  }
}

/** Lines such as `1732940000.123456 2e:00:00:00:00:09 > ff:ff:ff:ff:ff:ff, ethertype ARP (0x0806), length 42: …`. */
function parseFrames(node: string, text: string): Frame[] {
  return [...text.matchAll(/^(\d+\.\d+) \S+ > \S+, ethertype ([^,]+), /gm)].map(([, time, type]) => ({
    ...{ node, atMs: Number(time) * 1000 },
    isAnnouncement: /ARP/.test(type ?? ''),
  }))
}

/** Of nodes that forward at least that often. */
const WINDOW_MS = 100

/** From the first to the last tenth of a second in which more than one node forwarded, in milliseconds; 0 when there is none. */
export function sharedMs(frames: readonly Frame[]): number {
  const nodes = new Map<number, Set<string>>()
  for (const { node, atMs, isAnnouncement } of frames) {
    if (isAnnouncement) continue
    const window = Math.floor(atMs / WINDOW_MS)
    nodes.set(window, (nodes.get(window) ?? new Set()).add(node))
  }
  const shared = [...nodes].filter(([, { size }]) => size > 1).map(([window]) => window)
  return shared.length === 0 ? 0 : (Math.max(...shared) - Math.min(...shared) + 1) * WINDOW_MS
}
