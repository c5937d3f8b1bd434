// SPDX-License-Identifier: Apache-2.0
// One question to one server, by UDP from a port of its own (RFC 5452), or by TCP (RFC 7766).
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import { FrameReader, toFrame } from './frames.ts'
import { isAnswerTo, withId, type Query } from './message.ts'

export type Transport = 'udp' | 'tcp'

export interface NameServer {
  /** An IP address, perhaps with a zone. */
  address: string
  port: number
}

/** @throws when the server gives no usable answer in time, or the signal aborts before */
export function ask(
  server: NameServer,
  query: Query,
  transport: Transport,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Buffer> {
  const sent = withId(query.bytes, randomInt(0x10000))
  const end = Promise.withResolvers<Buffer>()
  const timer = setTimeout(() => end.reject(new Error('no answer in time')), timeoutMs)
  const onAbort = (): void => end.reject(new Error('given up'))
  signal?.addEventListener('abort', onAbort)
  const close = (transport === 'udp' ? askByUdp : askByTcp)(server, sent, query.questionEnd, end)
  return end.promise.finally(() => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
    close()
  })
}

type End = Pick<PromiseWithResolvers<Buffer>, 'resolve' | 'reject'>

/** @returns what ends it */
function askByUdp(server: NameServer, sent: Buffer, questionEnd: number, { resolve, reject }: End): () => void {
  const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4')
  socket.on('error', reject)
  socket.on('message', (answer) => isAnswerTo(sent, questionEnd, answer) && resolve(answer))
  // Connected: the kernel drops what comes from elsewhere, and tells of a refusal.
  // Without a way there (ENETUNREACH) the callback is called with that, which the types leave out, and no event comes.
  const onConnect = (refused?: Error): void => {
    if (refused) reject(refused)
    else socket.send(sent, (error) => error && reject(error))
  }
  socket.connect(server.port, server.address, onConnect)
  return () => socket.close()
}

/** @returns what ends it */
function askByTcp(server: NameServer, sent: Buffer, questionEnd: number, { resolve, reject }: End): () => void {
  const socket = connect({ host: server.address, port: server.port })
  const frames = new FrameReader((answer) => isAnswerTo(sent, questionEnd, answer) && resolve(answer))
  socket.on('error', reject)
  socket.on('close', () => reject(new Error('closed without an answer')))
  socket.on('data', (chunk) => frames.push(chunk))
  socket.write(toFrame(sent))
  return () => socket.destroy()
}
