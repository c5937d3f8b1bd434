// SPDX-License-Identifier: Apache-2.0
import { connect } from 'node:net'
import { within } from '../../lib/within.ts'

const MAX_BYTES = 4 * 1024 * 1024

/**
 * One command to HAProxy's master process and its answer: HAProxy's management guide, 9.4. `@1 …` is for the present worker.
 * @throws when nobody listens (ECONNREFUSED, ENOENT), or no whole answer comes in time
 */
export function askMaster(
  socketPath: string,
  command: string,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<string> {
  const socket = connect(socketPath)
  const answer = new Promise<string>((resolve, reject) => {
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      text += chunk
      if (text.length > MAX_BYTES) socket.destroy(new Error('an answer without end'))
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
  })
  socket.end(`${command}\n`)
  const late = () => new Error(`${command}: no answer within ${timeoutMs} ms`)
  return within(answer, { timeoutMs, signal, late }).finally(() => socket.destroy())
}
