// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { FileVolumeDriver, type FileVolumeDriverOptions } from '../drivers/file/file-volume-driver.ts'
import { PoolMarks } from '../drivers/file/pool-mark.ts'
import { findProcess } from '../../daemons/daemon-process.ts'
import { launchDirectly } from '../../daemons/launcher.ts'
import { NbdExporter } from '../exports/nbd-exporter.ts'
import { VolumeRecords } from '../exports/volume-records.ts'
import { clientTlsDir, formerTlsDir } from '../exports/tls-files.ts'
import { createTestAuthority, type CertifiedNode, type TestAuthority } from './certificates.ts'
import { qemuPrograms } from './qemu-programs.ts'

/** A storage node's folders with a `file` pool in them, on real QEMU programs, and certificates for clients. */
export interface FilePool extends AsyncDisposable {
  dir: string
  poolPath: string
  dataDir: string
  runDir: string
  programs: Awaited<ReturnType<typeof qemuPrograms>>
  authority: TestAuthority
  /** The driver of an agent that has just started: it has nothing but the folders. */
  createDriver(more?: Partial<FileVolumeDriverOptions>): FileVolumeDriver
  pidOf(id: string): Promise<number | undefined>
  /** A node whose machines use volumes; certified once and then reused. */
  holder(node: string): Promise<CertifiedNode>
  port: number
}

export async function createFilePool(): Promise<FilePool> {
  const dir = await mkdtemp(join(tmpdir(), 'nephele-pool-'))
  const programs = await qemuPrograms(join(dir, 'bin'))
  const authority = await createTestAuthority()
  const dataDir = join(dir, 'data')
  const runDir = join(dir, 'run')
  const poolPath = join(dir, 'pool')
  const { identity, nbd } = await authority.certify(dataDir, 'storage-1')
  const holders = new Map<string, Promise<CertifiedNode>>()
  const port = await freePort()
  const daemons = join(runDir, 'volumes')
  const pidOf = async (id: string) => (await findProcess(join(daemons, `${id}.pid`)))?.pid
  const exporters: NbdExporter[] = []
  return {
    dir,
    poolPath,
    dataDir,
    runDir,
    programs,
    authority,
    port,
    pidOf,
    createDriver(more = {}) {
      const records = new VolumeRecords(join(dataDir, 'volume-records'))
      const marks = new PoolMarks(join(dataDir, 'pool-marks'))
      const exporter = new NbdExporter({
        runDir: daemons,
        records,
        identity: identity.files,
        nbd: nbd.files,
        formerTlsDir: formerTlsDir(dataDir),
        credentialsOf01: clientTlsDir(dataDir),
        nodeName: 'storage-1',
        address: '127.0.0.1',
        ports: { first: port, last: port + 20 },
        storageDaemon: programs['qemu-storage-daemon'],
        launch: launchDirectly,
        log: pino({ level: process.env['LOG_LEVEL'] ?? 'silent' }),
      })
      for (const earlier of exporters.splice(0)) earlier.disconnect()
      exporters.push(exporter)
      return new FileVolumeDriver({ path: poolPath, exporter, records, marks, qemuImg: programs['qemu-img'], ...more })
    },
    holder(node) {
      const certified = holders.get(node) ?? authority.certify(join(dir, 'nodes', node), node)
      holders.set(node, certified)
      return certified
    },
    async [Symbol.asyncDispose]() {
      for (const { id } of await new VolumeRecords(join(dataDir, 'volume-records')).list()) {
        const pid = await pidOf(id)
        if (pid !== undefined) process.kill(pid, 'SIGKILL')
      }
      for (const exporter of exporters) exporter.disconnect()
      await rm(dir, { recursive: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
