// SPDX-License-Identifier: Apache-2.0
// Whether a resolver runs: it listens on a socket in the folder of its own, and the agent keeps a connection to it that tells nothing and ends when
// the process does. Of two, as in an upgrade, the later one has the name, and the first keeps those who have come.
import { mkdir, rename, rm } from 'node:fs/promises'
import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readHealth } from './health-file.ts'
import { toTime } from '../../lib/time/rfc3339.ts'

const SOCKET = 'present.sock'
const MOST_CONNECTIONS = 8

/** The resolver's end. Its name stays when it ends: nobody answers there then. */
export async function showPresence(folder: string): Promise<Server> {
  await mkdir(folder, { recursive: true, mode: 0o755 })
  const own = join(folder, `present.${process.pid}.new`)
  await rm(own, { force: true })
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    // Nobody has anything to say here.
    socket.on('data', () => socket.destroy())
  })
  server.maxConnections = MOST_CONNECTIONS
  server.listen(own)
  await once(server, 'listening')
  await rename(own, join(folder, SOCKET))
  server.unref()
  return server
}

export interface PresenceOptions {
  /** How long nobody may answer before it is said: a restart is no news. */
  graceMs?: number
  retryMs?: number
  now?(): Date
}

/** The agent's end. */
export class PresenceWatch {
  readonly #folder: string
  readonly #onChange: () => void
  readonly #options: Required<PresenceOptions>
  #awaySince: string | undefined

  constructor(folder: string, onChange: () => void, options: PresenceOptions = {}) {
    this.#folder = folder
    this.#onChange = onChange
    this.#options = { graceMs: 10_000, retryMs: 1000, now: () => new Date(), ...options }
  }

  /** RFC 3339. Undefined while one runs, or it is not known yet. */
  get awaySince(): string | undefined {
    return this.#awaySince
  }

  /** Returns when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { graceMs, retryMs, now } = this.#options
    let lostAt = now()
    while (!signal.aborted) {
      const isMet = await this.#meet(signal)
      if (signal.aborted) return
      if (isMet !== 'nobody') lostAt = now()
      else if (now().getTime() - lostAt.getTime() >= graceMs) this.#say(toTime(lostAt))
      await sleep(retryMs, undefined, { signal }).catch(() => undefined)
    }
  }

  /** Returns when the connection has ended, or there is none. */
  async #meet(signal: AbortSignal): Promise<'met' | 'nobody' | 'unknown'> {
    const socket = connect(join(this.#folder, SOCKET))
    const onAbort = (): void => void socket.destroy()
    signal.addEventListener('abort', onAbort)
    let isMet = false
    let code: string | undefined
    socket.on('connect', () => {
      isMet = true
      this.#say(undefined)
    })
    socket.on('data', () => socket.destroy())
    socket.on('error', (error: NodeJS.ErrnoException) => (code = error.code))
    await new Promise((resolve) => socket.on('close', resolve))
    signal.removeEventListener('abort', onAbort)
    if (isMet) return 'met'
    // One from before there was a socket has only written what it found.
    return code === 'ENOENT' && (await readHealth(this.#folder)) ? 'unknown' : 'nobody'
  }

  #say(awaySince: string | undefined): void {
    if ((this.#awaySince === undefined) === (awaySince === undefined)) return
    this.#awaySince = awaySince
    this.#onChange()
  }
}
