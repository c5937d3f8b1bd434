// SPDX-License-Identifier: Apache-2.0
// The storage daemons of this node, one for each volume that is served: starting, finding and ending them.
import { mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf } from '../../../lib/durable-files.ts'
import { TransientError } from '../../../lib/errors.ts'
import { ExecError } from '../../../lib/exec.ts'
import type { Logger } from '../../../lib/log.ts'
import { EXPORT_ID, type Authorization } from './daemon-arguments.ts'
import { findProcess, terminate, waitForExit } from '../../daemons/daemon-process.ts'
import type { Launch } from '../../daemons/launcher.ts'
import { QmpClient } from './qmp.ts'

/** Of each call to a daemon. */
export const TIMEOUT_MS = 10_000

export interface StorageDaemonsOptions {
  /** For sockets and pid files, cleared by a reboot: `/run/nephele/volumes`. Short: a socket's path may have 107 bytes. */
  runDir: string
  storageDaemon: string
  launch: Launch
  log: Logger
}

export class StorageDaemons {
  readonly #options: StorageDaemonsOptions
  readonly #clients = new Map<string, QmpClient>()
  readonly #listeners = new Set<(id: string) => void>()
  /** Daemons that are ended on purpose. */
  readonly #stopping = new Set<string>()

  constructor(options: StorageDaemonsOptions) {
    this.#options = options
  }

  files(id: string): { pidFile: string; qmpSocket: string } {
    const { runDir } = this.#options
    return { pidFile: join(runDir, `${id}.pid`), qmpSocket: join(runDir, `${id}.qmp`) }
  }

  async isRunning(id: string, signal: AbortSignal): Promise<boolean> {
    return (await this.find(id, signal)) !== undefined || (await findProcess(this.files(id).pidFile)) !== undefined
  }

  /** The connection to a running daemon is kept open: its end means that the daemon has ended. */
  async find(id: string, signal: AbortSignal): Promise<QmpClient | undefined> {
    const known = this.#clients.get(id)
    if (known?.isOpen) return known
    let client: QmpClient
    try {
      client = await QmpClient.connect(this.files(id).qmpSocket, TIMEOUT_MS, signal)
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ECONNREFUSED') return undefined
      // A process that is ending may still accept a connection, and then drop it.
      if (!(await findProcess(this.files(id).pidFile))) return undefined
      throw new TransientError('VolumeServerSilent', 'the process that serves the volume does not answer', {
        cause: error,
      })
    }
    this.#clients.set(id, client)
    void client.closed.then(() => this.#ended(id, client))
    client.onEvent(({ name, data }) => {
      if (name === 'BLOCK_EXPORT_DELETED' && data['id'] === EXPORT_ID)
        this.#options.log.debug({ volume: id }, 'clients cut')
    })
    return client
  }

  #ended(id: string, client: QmpClient): void {
    if (this.#clients.get(id) === client) this.#clients.delete(id)
    if (this.#stopping.has(id)) return
    this.#options.log.warn({ volume: id }, 'the storage daemon of a volume ended unexpectedly')
    for (const lost of this.#listeners) lost(id)
  }

  /** The daemon's arguments come from `daemonArguments`. */
  async start(
    { id, path }: { id: string; path: string },
    args: readonly string[],
    allowed: Authorization,
    signal: AbortSignal,
  ): Promise<QmpClient> {
    const { runDir, storageDaemon, launch, log } = this.#options
    const { pidFile } = this.files(id)
    await mkdir(runDir, { recursive: true, mode: 0o700 })
    // A daemon that is alive but not reachable by its socket would hold the volume's lock.
    await this.end(id, signal)
    const startedAt = performance.now()
    const argv = [storageDaemon, '--object', JSON.stringify(allowed), ...args] as const
    try {
      await launch({ name: `nephele-volume-${id}`, argv, pidFile, folder: dirname(path) }, signal)
    } catch (error) {
      if (!(error instanceof ExecError)) throw error
      throw new TransientError(
        'VolumeServerFailed',
        'the process that serves the volume did not start; the log of the agent says why',
        {
          cause: error,
        },
      )
    }
    const client = await this.find(id, signal)
    if (!client) throw new Error('the storage daemon ended right after its start')
    log.info({ volume: id, durationMs: Math.round(performance.now() - startedAt) }, 'volume exported')
    return client
  }

  async end(id: string, signal: AbortSignal): Promise<void> {
    const { pidFile, qmpSocket } = this.files(id)
    this.#stopping.add(id)
    try {
      const client = await this.find(id, signal)
      if (client) {
        await client.execute('quit', undefined, { timeoutMs: TIMEOUT_MS, signal }).catch((error: unknown) => {
          if (client.isOpen) throw error // otherwise it ended before it answered, as asked
        })
      } else {
        const stray = await findProcess(pidFile)
        if (stray) terminate(stray)
      }
      await waitForExit(pidFile, TIMEOUT_MS, signal)
      await rm(pidFile, { force: true })
      await rm(qmpSocket, { force: true })
    } finally {
      this.#stopping.delete(id)
    }
  }

  watch(lost: (id: string) => void, signal: AbortSignal): void {
    this.#listeners.add(lost)
    signal.addEventListener('abort', () => this.#listeners.delete(lost), { once: true })
  }

  /** Disconnects from the daemons without ending them, as happens when this process ends. */
  disconnect(): void {
    this.#listeners.clear()
    for (const [id, client] of this.#clients) {
      this.#stopping.add(id)
      client.close()
    }
  }
}
