// SPDX-License-Identifier: Apache-2.0
// TCP connections. Run by lb.bench.ts within a network namespace.
//   serve   PORT                   until it is killed
//   count   HOST PORT SECONDS      prints how many were made and ended, one after the other in each of some lanes
//   watch   HOST PORT SECONDS      one each 50 ms; prints [[ms since the epoch when it began, whether it was made], …]
import { connect, createServer } from 'node:net'

const [role, ...args] = process.argv.slice(1)
const LANES = 8
const EVERY_MS = 50
/** The kernel asks again after a second. */
const PATIENCE_MS = 900

if (role === 'serve') createServer((socket) => socket.on('error', () => undefined)).listen(Number(args[0]))
else if (role === 'count') await count(...args)
else await watch(...args)

/** Whether a connection is made. Ended by a reset: an ended one keeps its port for a minute otherwise. */
function open(host, port) {
  return new Promise((resolve) => {
    const socket = connect(Number(port), host)
    const end = (isMade) => {
      clearTimeout(timer)
      if (isMade) socket.resetAndDestroy()
      else socket.destroy()
      resolve(isMade)
    }
    const timer = setTimeout(() => end(false), PATIENCE_MS)
    socket.on('connect', () => end(true)).on('error', () => end(false))
  })
}

async function count(host, port, seconds) {
  const until = performance.now() + Number(seconds) * 1000
  let made = 0
  const lane = async () => {
    while (performance.now() < until) if (await open(host, port)) made++
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  process.stdout.write(String(made))
}

async function watch(host, port, seconds) {
  const turns = Array.from({ length: (Number(seconds) * 1000) / EVERY_MS }, async (_, i) => {
    await new Promise((resolve) => setTimeout(resolve, i * EVERY_MS))
    const at = Date.now()
    return [at, await open(host, port)]
  })
  process.stdout.write(JSON.stringify(await Promise.all(turns)))
}
