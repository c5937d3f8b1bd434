// SPDX-License-Identifier: Apache-2.0
// Answers BFD (RFC 5880, asynchronous mode; RFC 5881, one hop) of whoever asks, as a router outside does. Run by next-hop.ts within a
// network namespace of its own: bfd-program ADDRESS, which may come later than the process.
import { createSocket } from 'node:dgram'
import { networkInterfaces } from 'node:os'

const [address] = process.argv.slice(1)
const PORT = 3784
const SOURCE_PORT = 49152
const INTERVAL_MS = 300
const MULTIPLIER = 3
const LENGTH = 24
const [DOWN, INIT, UP] = [1, 2, 3]
const POLL = 0x20
const FINAL = 0x10

const hasAddress = () => Object.values(networkInterfaces()).some((all) => all.some((one) => one.address === address))
const timer = setInterval(() => {
  if (!hasAddress()) return
  clearInterval(timer)
  speak()
}, 50)

function speak() {
  /** By the address of the other end. */
  const sessions = new Map()
  const receiver = createSocket('udp4')
  const sender = createSocket('udp4')
  receiver.on('message', (packet, { address: peer }) => {
    if (packet.length < LENGTH || packet[0] >> 5 !== 1) return
    const session = sessions.get(peer) ?? begin(peer)
    // Section 6.8.6.
    const theirs = packet[1] >> 6
    session.theirDiscriminator = packet.readUInt32BE(4)
    session.patienceMs = packet[2] * Math.max(packet.readUInt32BE(12) / 1000, INTERVAL_MS)
    session.heardAt = performance.now()
    if (theirs === 0) session.state = DOWN
    else if (session.state === DOWN && theirs === DOWN) session.state = INIT
    else if (session.state === DOWN && theirs === INIT) session.state = UP
    else if (session.state === INIT && theirs >= INIT) session.state = UP
    else if (session.state === UP && theirs === DOWN) session.state = DOWN
    if (packet[1] & POLL) send(peer, session, FINAL)
  })
  sender.bind(SOURCE_PORT, address, () => sender.setTTL(255))
  receiver.bind(PORT, address)

  function begin(peer) {
    const session = {
      state: DOWN,
      ourDiscriminator: sessions.size + 1,
      theirDiscriminator: 0,
      patienceMs: 0,
      heardAt: 0,
    }
    sessions.set(peer, session)
    setInterval(() => {
      if (performance.now() - session.heardAt > session.patienceMs) {
        session.state = DOWN
        session.theirDiscriminator = 0
      }
      send(peer, session, 0)
    }, INTERVAL_MS * 0.8)
    return session
  }

  /** Section 4.1. */
  function send(peer, { state, ourDiscriminator, theirDiscriminator }, flags) {
    const packet = Buffer.alloc(LENGTH)
    packet[0] = 1 << 5
    packet[1] = (state << 6) | flags
    packet[2] = MULTIPLIER
    packet[3] = LENGTH
    packet.writeUInt32BE(ourDiscriminator, 4)
    packet.writeUInt32BE(theirDiscriminator, 8)
    packet.writeUInt32BE(INTERVAL_MS * 1000, 12)
    packet.writeUInt32BE(INTERVAL_MS * 1000, 16)
    sender.send(packet, PORT, peer)
  }
}
