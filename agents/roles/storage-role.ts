// SPDX-License-Identifier: Apache-2.0
import { basename, join } from 'node:path'
import type { NodeSpec } from '../../lib/contract/documents.ts'
import { NBD_PORTS, type PortRange } from '../../lib/contract/nbd-ports.ts'
import { TerminalError } from '../../lib/errors.ts'
import type { AgentRole, RoleContext } from '../node/role.ts'
import { FileVolumeDriver } from '../storage/drivers/file/file-volume-driver.ts'
import { PoolMarks } from '../storage/drivers/file/pool-mark.ts'
import { chooseLaunch, type Launch } from '../daemons/launcher.ts'
import { NbdExporter } from '../storage/exports/nbd-exporter.ts'
import { VolumeRecords } from '../storage/exports/volume-records.ts'
import { clientTlsDir, formerTlsDir } from '../storage/exports/tls-files.ts'
import { ImageCopyReconciler } from '../storage/copies/imagecopy-reconciler.ts'
import { StoreFolder } from '../storage/copies/store-folder.ts'
import { VolumeReconciler } from '../storage/volume-reconciler.ts'

export interface StorageRoleOptions {
  ports?: PortRange
  /** Where QEMU's programs are, when not on the path. */
  programs?: { qemuImg?: string; storageDaemon?: string }
  /** How daemons that outlive the agent are started; chosen by what the host has when absent. */
  launch?: Launch
}

/** A node that hands nothing to others. */
const NO_SERVER = { offer: async () => undefined, withdraw: async () => undefined }

/** Volumes in this node's pools. Touches no disk until the first document arrives. */
export function createStorageRole(context: RoleContext, options: StorageRoleOptions = {}): AgentRole {
  const { stateDir, runDir, node, address, identity, nbd, log } = context
  let pools: NodeSpec['pools']
  let stores: NodeSpec['imageStores']
  const records = new VolumeRecords(join(stateDir, 'volume-records'))
  const marks = new PoolMarks(join(stateDir, 'pool-marks'))
  const exporter = new NbdExporter({
    runDir: join(runDir, 'volumes'),
    records,
    identity,
    nbd,
    formerTlsDir: formerTlsDir(stateDir),
    credentialsOf01: clientTlsDir(stateDir),
    nodeName: node,
    address,
    ports: options.ports ?? NBD_PORTS,
    storageDaemon: options.programs?.storageDaemon ?? 'qemu-storage-daemon',
    launch: options.launch ?? (async (daemon, signal) => (await chooseLaunch())(daemon, signal)),
    log,
  })
  /** The name of its StoragePool, as long as there is one. */
  const nameOf = (path: string) => pools?.find((pool) => pool.path === path)?.name ?? basename(path)
  const reconciler: VolumeReconciler = new VolumeReconciler({
    createDriver: ({ name, driver, path }) => {
      if (driver !== 'file')
        throw new TerminalError('DriverUnknown', `StoragePool ${name} wants driver ${driver}; this agent has: file`)
      const volumes = new FileVolumeDriver({
        ...{ path, exporter, records, marks, qemuImg: options.programs?.qemuImg ?? 'qemu-img' },
        calls: {
          onChange: (answers) => {
            log.warn({ pool: name, answers }, answers ? 'the disk of a pool answers again' : 'the disk of a pool hangs')
            context.inventoryChanged()
            if (answers) reconciler.wakeAll()
          },
        },
        requiresMount: () => pools?.some((pool) => pool.path === path && pool.requireMount === true) ?? false,
      })
      return context.metrics.measure('file', volumes)
    },
    knownPools: async () => {
      const paths = new Set((await records.list()).map((r) => r.poolPath))
      return [...paths].map((path) => ({ name: nameOf(path), driver: 'file', path }))
    },
    poolOf: async (volume) => {
      const record = await records.find(volume)
      return record && { name: nameOf(record.poolPath), driver: 'file', path: record.poolPath }
    },
  })
  const copyRecords = new VolumeRecords(join(stateDir, 'image-copy-records'))
  const copies = new ImageCopyReconciler({
    records: copyRecords,
    peer: nbd.client,
    server: context.imageServer ?? NO_SERVER,
    openFolder: (path) =>
      new StoreFolder({
        ...{ path, records: copyRecords, marks },
        requiresMount: () => stores?.some((store) => store.path === path && store.requireMount === true) ?? false,
        calls: { onChange: () => context.inventoryChanged() },
      }),
  })
  return {
    name: 'storage',
    reconcilers: [reconciler, copies],
    inventory: [
      { name: 'pools', collect: async (signal) => (pools ? reconciler.inventory(pools, signal) : {}) },
      { name: 'image stores', collect: async () => (stores ? copies.inventory(stores) : {}) },
    ],
    async configure(spec) {
      pools = spec.pools
      stores = spec.imageStores ?? []
      // There may be a pool that was waited for, or a new certificate for exports.
      reconciler.wakeAll()
      copies.wakeAll()
      context.inventoryChanged()
    },
    async stop() {
      exporter.disconnect()
    },
  }
}
