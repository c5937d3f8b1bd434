// SPDX-License-Identifier: Apache-2.0
// Serves volumes over NBD with TLS, each by a qemu-storage-daemon of its own (docs/storage.md says why). The daemons are no
// children of the agent: they are found again by pid file and QMP socket, and brought back on the same port when they died.
import { mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { VolumeConnection } from '../../../lib/contract/documents.ts'
import type { PortRange } from '../../../lib/contract/nbd-ports.ts'
import { TransientError } from '../../../lib/errors.ts'
import { ExecError } from '../../../lib/exec.ts'
import type { Logger } from '../../../lib/log.ts'
import { codeOf } from '../../../lib/durable-files.ts'
import type { CertifiedFiles, NbdFiles } from '../../node/role.ts'
import type { Holder, VolumeFormat } from '../volume-driver.ts'
import { formerServerTls, serverTls } from './tls-files.ts'
import {
  authorization,
  credentialsDirOf,
  daemonArguments,
  EXPORT_ID,
  runsWith,
  type Authorization,
} from './daemon-arguments.ts'
import { findProcess, terminate, waitForExit } from './daemon-process.ts'
import { authorize, cutClients, ensureCredentials, ensureExport, resizeNode } from './export-control.ts'
import type { Launch } from './launcher.ts'
import { choosePort, isPortFree } from './ports.ts'
import { QmpClient } from './qmp.ts'
import type { VolumeRecords } from './volume-records.ts'

export interface NbdExporterOptions {
  /** Sockets and pid files, gone with a reboot: `/run/nephele/volumes`. Short: a socket's path has at most 107 bytes. */
  runDir: string
  records: VolumeRecords
  identity: CertifiedFiles
  nbd: NbdFiles
  /** Where credentials for clients of version 0.1.0 are put together. */
  formerTlsDir: string
  /** Where version 0.1.0 had its credentials: what runs with it serves such clients. */
  credentialsOf01: string
  nodeName: string
  /** Where other nodes reach this one; the daemons listen on nothing else. */
  address: string
  ports: PortRange
  storageDaemon: string
  launch: Launch
  log: Logger
}

export interface Served {
  id: string
  path: string
  format: VolumeFormat
  /** Not empty. */
  holders: readonly Holder[]
}

const TIMEOUT_MS = 10_000

export class NbdExporter {
  readonly #options: NbdExporterOptions
  readonly #clients = new Map<string, QmpClient>()
  readonly #listeners = new Set<(id: string) => void>()
  /** Ends that we brought about ourselves. */
  readonly #stopping = new Set<string>()
  #choosing: Promise<unknown> = Promise.resolve()

  constructor(options: NbdExporterOptions) {
    this.#options = options
  }

  /** Starts what is not running, replaces what runs with other settings, lets in exactly these holders. */
  async serve(want: Served, signal: AbortSignal): Promise<VolumeConnection> {
    const { nodeName, address } = this.#options
    const { id, path, format, holders } = want
    const { pidFile, qmpSocket } = this.#files(id)
    const port = await this.#portOf(id)
    let client = await this.#find(id, signal)
    const argv = client && ((await findProcess(pidFile))?.argv ?? [])
    const former = await this.#isFormer(id, argv)
    const unknown = holders.find((holder) => holder.key === undefined)
    if (unknown && !former) {
      const message = `node ${unknown.node} has no certificate to open volumes with yet; the volume is served once it has`
      throw new TransientError('HolderKeyMissing', message)
    }
    const { identity, nbd, formerTlsDir } = this.#options
    const tls = former ? await formerServerTls(identity, nbd, formerTlsDir) : await serverTls(nbd)
    const args = daemonArguments({ id, path, format, address, port, tls, pidFile, qmpSocket })
    if (client && !runsWith(argv ?? [], args)) {
      this.#options.log.info({ volume: id }, 'restarting the export with new settings')
      await this.#end(id, signal)
      client = undefined
    }
    const allowed = authorization(holders, former)
    client ??= await this.#start(want, args, allowed, signal)
    const control = { timeoutMs: TIMEOUT_MS, signal }
    if (await ensureCredentials(client, tls, { address, port }, control)) {
      this.#options.log.info({ volume: id }, 'export renewed with another certificate')
    }
    if (await authorize(client, allowed, control)) await cutClients(client, control)
    await ensureExport(client, id, control)
    return { protocol: 'nbd', host: address, port, exportName: id, tls: true, tlsHostname: nodeName }
  }

  /** Served since version 0.1.0 without an end: its client may know nothing but what it was started with. */
  async #isFormer(id: string, argv: readonly string[] | undefined): Promise<boolean> {
    const { records, credentialsOf01 } = this.#options
    const record = await this.#record(id)
    if (record.former !== undefined) return record.former
    const former = argv !== undefined && credentialsDirOf(argv) === credentialsOf01
    if (former) await records.save({ ...record, former })
    return former
  }

  async isServing(id: string, signal: AbortSignal): Promise<boolean> {
    return (await this.#find(id, signal)) !== undefined || (await findProcess(this.#files(id).pidFile)) !== undefined
  }

  /**
   * Clients agree on the size when they connect: they are cut, find the larger volume when they reconnect, and lose nothing.
   * @throws when nothing serves the volume
   */
  async grow(id: string, sizeBytes: number, signal: AbortSignal): Promise<void> {
    const client = await this.#find(id, signal)
    if (!client) throw new Error('the storage daemon ended while its volume was to grow')
    const control = { timeoutMs: TIMEOUT_MS, signal }
    await cutClients(client, control)
    try {
      await resizeNode(client, sizeBytes, control)
    } finally {
      await ensureExport(client, id, control)
    }
  }

  /** Nobody has it any more: who connects next knows what there is now. */
  async stop(id: string, signal: AbortSignal): Promise<void> {
    await this.#end(id, signal)
    const record = await this.#options.records.find(id)
    if (record?.former !== true) return
    await this.#options.records.save({ ...record, former: false }).catch((error: unknown) => {
      // A full disk must not keep a volume from being deleted; the node's identity is let in for one export more.
      if (codeOf(error) !== 'ENOSPC') throw error
      this.#options.log.warn({ err: error, volume: id }, 'not recorded that an export ended')
    })
  }

  async #end(id: string, signal: AbortSignal): Promise<void> {
    const { pidFile, qmpSocket } = this.#files(id)
    this.#stopping.add(id)
    try {
      const client = await this.#find(id, signal)
      if (client) {
        await client.execute('quit', undefined, { timeoutMs: TIMEOUT_MS, signal }).catch((error: unknown) => {
          if (client.isOpen) throw error // else it ended before it answered, as asked
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

  /** Lets go of the daemons without ending them, as the end of this process does. */
  disconnect(): void {
    this.#listeners.clear()
    for (const [id, client] of this.#clients) {
      this.#stopping.add(id)
      client.close()
    }
  }

  async #start(
    { id, path }: Served,
    args: readonly string[],
    allowed: Authorization,
    signal: AbortSignal,
  ): Promise<QmpClient> {
    const { runDir, storageDaemon, launch, log } = this.#options
    const { pidFile } = this.#files(id)
    await mkdir(runDir, { recursive: true, mode: 0o700 })
    // One that lives and is not reached by its socket would hold the volume's lock.
    await this.#end(id, signal)
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
    const client = await this.#find(id, signal)
    if (!client) throw new Error('the storage daemon ended right after its start')
    log.info({ volume: id, durationMs: Math.round(performance.now() - startedAt) }, 'volume exported')
    return client
  }

  /** The connection to a running daemon is kept: its end tells of the daemon's. */
  async #find(id: string, signal: AbortSignal): Promise<QmpClient | undefined> {
    const known = this.#clients.get(id)
    if (known?.isOpen) return known
    let client: QmpClient
    try {
      client = await QmpClient.connect(this.#files(id).qmpSocket, TIMEOUT_MS, signal)
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ECONNREFUSED') return undefined
      // A process that is being torn down may still take a connection, and then drop it.
      if (!(await findProcess(this.#files(id).pidFile))) return undefined
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
    this.#options.log.warn({ volume: id }, 'the storage daemon of a volume ended by itself')
    for (const lost of this.#listeners) lost(id)
  }

  /** Chosen once, then kept for the volume's life; one choice at a time. */
  #portOf(id: string): Promise<number> {
    const { records, ports, address } = this.#options
    const next = this.#choosing.then(async () => {
      const record = await this.#record(id)
      if (record.port !== undefined) return record.port
      const taken = new Set((await records.list()).flatMap((r) => r.port ?? []))
      let port = choosePort(ports, taken)
      while (port !== undefined && !(await isPortFree(address, port))) port = choosePort(ports, taken.add(port))
      if (port === undefined) {
        throw new TransientError(
          'VolumePortsExhausted',
          `all ports from ${ports.first} to ${ports.last} belong to volumes of this node`,
        )
      }
      await records.save({ ...record, port })
      return port
    })
    this.#choosing = next.catch(() => undefined)
    return next
  }

  async #record(id: string) {
    const record = await this.#options.records.find(id)
    if (!record) throw new Error('exporting a volume that was never made')
    return record
  }

  #files(id: string): { pidFile: string; qmpSocket: string } {
    const { runDir } = this.#options
    return { pidFile: join(runDir, `${id}.pid`), qmpSocket: join(runDir, `${id}.qmp`) }
  }
}
