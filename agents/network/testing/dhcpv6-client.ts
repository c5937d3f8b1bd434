// SPDX-License-Identifier: Apache-2.0
// A DHCPv6 client (RFC 8415) for tests, which does as much as OVN answers: `solicit` and then request an address, or ask for
// information alone. Prints {address?, servers} as JSON. Arguments: interface, MAC, `address` or `information`.
import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'

const [device = 'eth0', mac = '', what = 'address'] = process.argv.slice(2)
const MESSAGE = { solicit: 1, advertise: 2, request: 3, reply: 7, information: 11 }
const OPTION = { clientId: 1, serverId: 2, addresses: 3, address: 5, wanted: 6, elapsed: 8, servers: 23 }

function option(code: number, content: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt16BE(code, 0)
  head.writeUInt16BE(content.length, 2)
  return Buffer.concat([head, content])
}

function optionsOf(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>()
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = bytes.readUInt16BE(at + 2)
    found.set(bytes.readUInt16BE(at), bytes.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return found
}

const clientId = option(OPTION.clientId, Buffer.from([0, 3, 0, 1, ...mac.split(':').map((byte) => parseInt(byte, 16))]))
const wanted = option(OPTION.wanted, Buffer.from([0, OPTION.servers]))
const elapsed = option(OPTION.elapsed, Buffer.alloc(2))
const identity = Buffer.concat([Buffer.from([0, 0, 0, 1]), Buffer.alloc(8)])

async function ask(socket: Socket, type: number, ...more: Buffer[]): Promise<Map<number, Buffer>> {
  const message = Buffer.concat([Buffer.from([type]), randomBytes(3), clientId, elapsed, wanted, ...more])
  for (let i = 0; i < 10; i++) {
    socket.send(message, 547, `ff02::1:2%${device}`)
    const answer = await once(socket, 'message', { signal: AbortSignal.timeout(500) }).catch(() => undefined)
    const bytes = answer?.[0] as Buffer | undefined
    if (bytes?.subarray(1, 4).equals(message.subarray(1, 4))) return optionsOf(bytes.subarray(4))
  }
  throw new Error('no answer')
}

function toText(bytes: Buffer): string {
  const words = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16))
  return new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1)
}

const socket = createSocket({ type: 'udp6', reuseAddr: true })
socket.bind(546)
await once(socket, 'listening')
let answer: Map<number, Buffer>
if (what === 'information') answer = await ask(socket, MESSAGE.information)
else {
  const offer = await ask(socket, MESSAGE.solicit, option(OPTION.addresses, identity))
  const server = option(OPTION.serverId, offer.get(OPTION.serverId) ?? Buffer.alloc(0))
  answer = await ask(socket, MESSAGE.request, server, option(OPTION.addresses, offer.get(OPTION.addresses) ?? identity))
}
const given = answer.get(OPTION.addresses)
const address = given && optionsOf(given.subarray(12)).get(OPTION.address)
const servers = answer.get(OPTION.servers) ?? Buffer.alloc(0)
const list = Array.from({ length: servers.length / 16 }, (_, i) => toText(servers.subarray(16 * i, 16 * i + 16)))
console.log(JSON.stringify({ ...(address ? { address: toText(address.subarray(0, 16)) } : {}), servers: list }))
socket.close()
