// SPDX-License-Identifier: Apache-2.0
// A process of its own: image servers that drip, image files that keep their reader busy, and guests that ask for metadata all the time.
// Started with the metadata port as its argument; says its HTTP port on a line of its own.
import { createServer, Agent, get } from 'node:http'
import type { AddressInfo } from 'node:net'

const CLUSTER = 2 ** 21
/** L2 tables, each full: 64 MiB that name 8 million clusters. */
const TABLES = 32
const GUESTS = 10
const REQUESTS_PER_SECOND = 50

function tables(): Buffer {
  const file = Buffer.alloc((3 + TABLES) * CLUSTER)
  file.writeUInt32BE(0x514649fb, 0)
  file.writeUInt32BE(3, 4)
  file.writeUInt32BE(21, 20)
  file.writeBigUInt64BE(BigInt(TABLES) * 2n ** 39n, 24)
  file.writeUInt32BE(TABLES, 36)
  file.writeBigUInt64BE(BigInt(2 * CLUSTER), 40)
  file.writeBigUInt64BE(BigInt(CLUSTER), 48)
  file.writeUInt32BE(1, 56)
  file.writeUInt32BE(4, 96)
  file.writeUInt32BE(104, 100)
  for (let i = 0; i < TABLES; i++) file.writeBigUInt64BE(BigInt((3 + i) * CLUSTER), 2 * CLUSTER + i * 8)
  for (let at = 3 * CLUSTER; at < file.length; at += 8) file.writeBigUInt64BE(BigInt(3 * CLUSTER), at)
  return file
}

const hostile = tables()
const server = createServer((request, response) => {
  if (request.url?.startsWith('/tables') === true) {
    response.end(hostile)
    return
  }
  response.writeHead(200, { 'content-length': String(2 ** 30), etag: '"1"' })
  response.write('x')
  const timer = setInterval(() => response.write('x'), 1000)
  response.once('close', () => clearInterval(timer))
}).listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))

const metadataPort = Number(process.argv[2])
let answered = 0
for (let guest = 0; guest < GUESTS; guest++) {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  const localAddress = `127.0.1.${guest + 1}`
  setInterval(() => {
    const path = '/openstack/latest/meta_data.json'
    get({ host: '127.0.0.1', port: metadataPort, path, localAddress, agent }, (answer) => {
      answered += 1
      answer.resume()
    }).on('error', () => undefined)
  }, 1000 / REQUESTS_PER_SECOND)
}
setInterval(() => console.log(`answered ${answered}`), 1000)
