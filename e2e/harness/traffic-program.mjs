// SPDX-License-Identifier: Apache-2.0
// Sends or receives for some seconds. Run by traffic.ts within a network namespace.
//   receive tcp|udp PORT SECONDS          prints {"bytes", "packets", "ms"} of what came from one second after the first packet on
//   send    tcp|udp PORT SECONDS HOST KBPS
import { createSocket } from 'node:dgram'
import { connect, createServer } from 'node:net'

const [role, protocol, port, seconds, host, kbps] = process.argv.slice(1)
const DATAGRAM = 1200
/** The burst that a limit lets through at first is over by then. */
const SKIPPED_MS = 1000

if (role === 'receive') receive()
else if (protocol === 'tcp') sendStream()
else sendDatagrams()

function receive() {
  const seen = { bytes: 0, packets: 0, ms: Number(seconds) * 1000 }
  let begun
  const take = (data) => {
    begun ??= start()
    if (performance.now() - begun < SKIPPED_MS) return
    seen.bytes += data.length
    seen.packets += 1
  }
  const start = () => {
    setTimeout(end, SKIPPED_MS + seen.ms)
    return performance.now()
  }
  const end = () => process.stdout.write(JSON.stringify(seen), () => process.exit(0))
  setTimeout(end, SKIPPED_MS + seen.ms + 10_000)
  const isReady = () => process.stderr.write('listening\n')
  if (protocol === 'udp') createSocket('udp4').on('message', take).bind(Number(port), isReady)
  else createServer((socket) => socket.on('data', take).on('error', () => undefined)).listen(Number(port), isReady)
}

function sendStream() {
  const chunk = Buffer.alloc(65_536)
  const socket = connect(Number(port), host)
  const write = () => {
    while (socket.write(chunk));
  }
  socket
    .on('connect', write)
    .on('drain', write)
    .on('error', () => process.exit(0))
  setTimeout(() => process.exit(0), Number(seconds) * 1000)
}

function sendDatagrams() {
  const socket = createSocket('udp4').on('error', () => undefined)
  const datagram = Buffer.alloc(DATAGRAM)
  const begun = performance.now()
  let sent = 0
  setInterval(() => {
    const due = ((performance.now() - begun) * Number(kbps)) / 8 / DATAGRAM
    for (; sent < due; sent++) socket.send(datagram, Number(port), host)
    if (performance.now() - begun > Number(seconds) * 1000) process.exit(0)
  }, 2)
}
