// SPDX-License-Identifier: Apache-2.0
import { Socket as UdpSocket } from 'node:dgram'
import type { Server } from 'node:net'
import { METADATA_ADDRESS, METADATA_ADDRESS_V6 } from '../../lib/contract/metadata-port.ts'
import { forkInNamespace } from '../metadata/listener.ts'
import { INNER } from '../metadata/network-namespace.ts'

/** METADATA_ADDRESS_V6 as the kernel lists it: proc(5), /proc/net/if_inet6. */
const IN_HEX = 'fe8000000000000000000000a9fea9fe'

/**
 * Runs inside the namespace: opens a UDP and a TCP socket at each address, hands them over and ends (listener.ts says why). `reusePort`: the process
 * that follows this one opens its own before this one ends. Without IPv6 on the host it is IPv4 alone. Arguments: the port, then addresses. Constant text, no data in it.
 */
const OPENER = `
const [port, ...hosts] = process.argv.slice(1)
const fail = (error) => process.send({ error: error.message }, () => process.exit(1))
const { existsSync, readFileSync } = require('node:fs')
const six = existsSync('/proc/net/if_inet6') ? readFileSync('/proc/net/if_inet6', 'utf8') : ''
const isOn = (host) => !host.includes(':') || six.includes('${IN_HEX}')
const give = (socket) => new Promise((done) => process.send({}, socket, done))
const open = (host) => new Promise((done) => {
  const type = host.includes(':') ? 'udp6' : 'udp4'
  const udp = require('node:dgram').createSocket({ type, reusePort: true })
  udp.once('error', fail)
  udp.bind(Number(port), host, () => {
    const tcp = require('node:net').createServer({ pauseOnConnect: true }, (socket) => socket.destroy())
    tcp.once('error', fail)
    tcp.listen({ host, port: Number(port), backlog: 128, reusePort: true }, () => give(udp).then(() => give(tcp)).then(done))
  })
})
hosts.filter(isOn).reduce((before, host) => before.then(() => open(host)), Promise.resolve()).then(() => process.send({ done: true }, () => process.exit(0)), fail)
`

export interface NetworkSockets {
  udp: readonly UdpSocket[]
  tcp: readonly Server[]
}

/** @throws when the namespace is gone or not set up yet; nothing stays open then */
export function openSockets(namespaceFile: string, port: number, signal: AbortSignal): Promise<NetworkSockets> {
  const hosts = [METADATA_ADDRESS, `${METADATA_ADDRESS_V6}%${INNER}`]
  const child = forkInNamespace(namespaceFile, OPENER, [String(port), ...hosts], signal)
  const udp: UdpSocket[] = []
  const tcp: Server[] = []
  let [why, isDone] = ['', false]
  child.stderr?.on('data', (chunk: Buffer) => (why = (why + chunk.toString()).slice(-500)))
  const { promise, resolve, reject } = Promise.withResolvers<NetworkSockets>()
  child.on('error', (cause) => (why ||= String(cause)))
  child.on('message', (message, handle) => {
    const { error, done = false } = message as { error?: string; done?: boolean }
    if (error !== undefined) why = error
    isDone ||= done
    if (handle instanceof UdpSocket) udp.push(handle)
    else if (handle) tcp.push(handle as Server)
  })
  // The end of its channel: nothing more comes.
  child.once('close', () => {
    if (isDone && udp.length > 0 && udp.length === tcp.length) {
      resolve({ udp, tcp })
      return
    }
    closeSockets({ udp, tcp })
    reject(new Error(`opening sockets in a namespace: ${why}`))
  })
  return promise
}

export function closeSockets({ udp, tcp }: NetworkSockets): void {
  for (const socket of [...udp, ...tcp]) socket.close()
}
