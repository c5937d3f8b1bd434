// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { ObservedDocument } from '../../../lib/contract/documents.ts'
import type { RunningNode } from '../../../local/node/node.ts'
import type { HarnessCommand } from './harness.ts'

export interface TestAgent {
  send(command: HarnessCommand): void
  /** The last report of an object. */
  observed(kind: string, uid: string): ObservedDocument | undefined
  /** The first line that has this field. */
  waitLine(field: string, timeoutMs?: number): Promise<Record<string, unknown>>
  /** Its inventory, each time that something in it may have changed. */
  inventories(): readonly Record<string, unknown>[]
  /** What it said to whoever listens on the bus. */
  said(): readonly unknown[]
  waitState(kind: string, uid: string, state: string, timeoutMs?: number): Promise<ObservedDocument>
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** The network part of an agent (harness.ts), in the node's own namespaces. */
export async function startAgent(node: RunningNode, name: string, addresses: string[]): Promise<TestAgent> {
  const argv = [
    '-t',
    String(node.pid),
    '-n',
    '-m',
    '-u',
    '-i',
    '-p',
    '--',
    '/opt/nephele/bin/node',
    '/src/agents/network/testing/harness.ts',
  ]
  const env = { PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' }
  const child = spawn('nsenter', [...argv, name, ...addresses], { stdio: ['pipe', 'pipe', 'pipe'], env })
  const lines: Record<string, unknown>[] = []
  const last = new Map<string, ObservedDocument>()
  const waiting = new Set<() => void>()
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-4000)))
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as Record<string, unknown>
    lines.push(line)
    const observed = line['observed'] as ObservedDocument | undefined
    if (observed) last.set(`${observed.kind}.${observed.uid}`, observed)
    for (const wake of [...waiting]) wake()
  })
  const closed = new Promise<void>((done) => child.once('close', () => done()))
  const wait = async <T>(what: string, probe: () => T | undefined, timeoutMs = 15_000): Promise<T> => {
    const end = performance.now() + timeoutMs
    for (;;) {
      const found = probe()
      if (found !== undefined) return found
      const left = end - performance.now()
      if (left <= 0 || child.exitCode !== null)
        throw new Error(`${name}: no ${what}; ${JSON.stringify([...last.values()])} ${stderr}`)
      await new Promise<void>((done) => {
        const wake = (): void => {
          clearTimeout(timer)
          waiting.delete(wake)
          done()
        }
        const timer = setTimeout(wake, left)
        waiting.add(wake)
      })
    }
  }
  const agent: TestAgent = {
    send: (command) => void child.stdin.write(`${JSON.stringify(command)}\n`),
    observed: (kind, uid) => last.get(`${kind}.${uid}`),
    waitLine: (field, timeoutMs) => wait(field, () => lines.find((line) => field in line), timeoutMs),
    inventories: () => lines.flatMap((line) => ('changed' in line ? [line['changed'] as Record<string, unknown>] : [])),
    said: () => lines.flatMap((line) => line['said'] ?? []),
    waitState: (kind, uid, state, timeoutMs) =>
      wait(`${kind} ${uid} ${state}`, () => [last.get(`${kind}.${uid}`)].find((o) => o?.state === state), timeoutMs),
    stop: async (signal = 'SIGTERM') => {
      // nsenter remains as the parent of the process in the PID namespace: its child is the agent.
      const inside = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()
      for (const pid of inside === '' ? [] : inside.split(' ')) process.kill(Number(pid), signal)
      child.kill(signal)
      await closed
    },
  }
  await agent.waitLine('ready')
  return agent
}
