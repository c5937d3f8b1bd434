// SPDX-License-Identifier: Apache-2.0
// Serves volumes over NBD with TLS, each by a qemu-storage-daemon of its own (docs/storage.md says why). The daemons are not children of
// the agent: they are found again by pid file and QMP socket, and restarted on the same port when they die.
import type { VolumeConnection } from '../../../lib/contract/documents.ts'
import type { PortRange } from '../../../lib/contract/nbd-ports.ts'
import { codeOf } from '../../../lib/durable-files.ts'
import { TransientError } from '../../../lib/errors.ts'
import type { CertifiedFiles, NbdFiles } from '../../node/role.ts'
import type { Holder, VolumeFormat } from '../volume-driver.ts'
import { authorization, credentialsDirOf, daemonArguments, runsWith } from './daemon-arguments.ts'
import { findProcess } from '../../daemons/daemon-process.ts'
import { authorize, cutClients, ensureCredentials, ensureExport, resizeNode } from './export-control.ts'
import { choosePort, isPortFree } from './ports.ts'
import { StorageDaemons, TIMEOUT_MS, type StorageDaemonsOptions } from './storage-daemons.ts'
import { formerServerTls, serverTls } from './tls-files.ts'
import type { VolumeRecords } from './volume-records.ts'

export interface NbdExporterOptions extends StorageDaemonsOptions {
  records: VolumeRecords
  identity: CertifiedFiles
  nbd: NbdFiles
  /** Where the credentials for clients of version 0.1.0 are assembled. */
  formerTlsDir: string
  /** Where version 0.1.0 had its credentials: a daemon that uses them serves such clients. */
  credentialsOf01: string
  nodeName: string
  /** The address by which other nodes reach this one; the daemons listen only on it. */
  address: string
  ports: PortRange
}

export interface Served {
  id: string
  path: string
  format: VolumeFormat
  /** Not empty. */
  holders: readonly Holder[]
}

export class NbdExporter {
  readonly #options: NbdExporterOptions
  readonly #daemons: StorageDaemons
  #choosing: Promise<unknown> = Promise.resolve()

  constructor(options: NbdExporterOptions) {
    this.#options = options
    this.#daemons = new StorageDaemons(options)
  }

  isServing(id: string, signal: AbortSignal): Promise<boolean> {
    return this.#daemons.isRunning(id, signal)
  }

  watch(lost: (id: string) => void, signal: AbortSignal): void {
    this.#daemons.watch(lost, signal)
  }

  disconnect(): void {
    this.#daemons.disconnect()
  }

  /** Starts the daemon if it is not running, replaces it if its settings differ, and authorizes exactly these holders. */
  async serve(want: Served, signal: AbortSignal): Promise<VolumeConnection> {
    const { nodeName, address } = this.#options
    const { id, path, format, holders } = want
    const { pidFile, qmpSocket } = this.#daemons.files(id)
    const port = await this.#portOf(id)
    let client = await this.#daemons.find(id, signal)
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
      await this.#daemons.end(id, signal)
      client = undefined
    }
    const allowed = authorization(holders, former)
    client ??= await this.#daemons.start(want, args, allowed, signal)
    const control = { timeoutMs: TIMEOUT_MS, signal }
    if (await ensureCredentials(client, tls, { address, port }, control)) {
      this.#options.log.info({ volume: id }, 'export renewed with another certificate')
    }
    if (await authorize(client, allowed, control)) await cutClients(client, control)
    await ensureExport(client, id, control)
    return { protocol: 'nbd', host: address, port, exportName: id, tls: true, tlsHostname: nodeName }
  }

  /** Served without interruption since version 0.1.0: its client may know only what it was started with. */
  async #isFormer(id: string, argv: readonly string[] | undefined): Promise<boolean> {
    const { records, credentialsOf01 } = this.#options
    const record = await this.#record(id)
    if (record.former !== undefined) return record.former
    const former = argv !== undefined && credentialsDirOf(argv) === credentialsOf01
    if (former) await records.save({ ...record, former })
    return former
  }

  /**
   * NBD negotiates the size when a client connects: clients are disconnected, see the larger volume when they reconnect, and lose nothing.
   * @throws when nothing serves the volume
   */
  async grow(id: string, sizeBytes: number, signal: AbortSignal): Promise<void> {
    const client = await this.#daemons.find(id, signal)
    if (!client) throw new Error('the storage daemon ended before its volume could grow')
    const control = { timeoutMs: TIMEOUT_MS, signal }
    await cutClients(client, control)
    try {
      await resizeNode(client, sizeBytes, control)
    } finally {
      await ensureExport(client, id, control)
    }
  }

  /** Nobody uses it any more: the next client will be one of today's. */
  async stop(id: string, signal: AbortSignal): Promise<void> {
    await this.#daemons.end(id, signal)
    const record = await this.#options.records.find(id)
    if (record?.former !== true) return
    await this.#options.records.save({ ...record, former: false }).catch((error: unknown) => {
      // A full disk must not prevent a volume's deletion; the node's identity is then accepted for one more export.
      if (codeOf(error) !== 'ENOSPC') throw error
      this.#options.log.warn({ err: error, volume: id }, 'cannot record that an export ended')
    })
  }

  /** Chosen once and kept for the volume's life; one choice at a time. */
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
}
