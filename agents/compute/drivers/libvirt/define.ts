// SPDX-License-Identifier: Apache-2.0
import { mkdir } from 'node:fs/promises'
import { TerminalError } from '../../../../lib/errors.ts'
import type { exec as Exec } from '../../../../lib/exec.ts'
import type { LibvirtClient } from '../../../../lib/libvirt/client.ts'
import { Define } from '../../../../lib/libvirt/constants.ts'
import { isInvalidRequest, isUnsupported } from '../../../../lib/libvirt/error.ts'
import { consoleDir, type ComputePaths } from '../../paths.ts'
import type { InstanceWant } from '../../instance-driver.ts'
import { diskPaths } from './disk-paths.ts'
import { ensureDisks } from './disks.ts'
import { TO_ITS_END } from './domain-power.ts'
import { toDomainXml, type DomainContext } from './domain-xml.ts'
import { checkVolumePath } from './volumes.ts'

export interface DefineContext {
  client: LibvirtClient
  paths: ComputePaths
  exec: typeof Exec
  acceleration: 'kvm' | 'qemu'
  datapath: DomainContext['datapath']
  cells: DomainContext['cells']
  former: DomainContext['former']
  /** Prepares what QEMU needs on this host before it can open its files. */
  prepare: () => Promise<void>
}

/**
 * Makes the disks and then the definition of a machine that is off. @param isDefined it had its disks before @throws TerminalError
 * `DomainRefused`
 */
export async function defineMachine(
  { client, paths, exec, acceleration, datapath, cells, former, prepare }: DefineContext,
  want: InstanceWant,
  isDefined: boolean,
  signal: AbortSignal,
): Promise<void> {
  const xml = toDomainXml(want, { acceleration, paths, datapath, cells, former }) // throws before anything is made
  for (const volume of want.volumes) await checkVolumePath(volume)
  await prepare()
  await mkdir(consoleDir(paths), { recursive: true, mode: 0o711 })
  await ensureDisks(want, diskPaths(paths, want), isDefined, exec, signal)
  signal.throwIfAborted()
  try {
    await client.call('defineXml', { xml, flags: Define.validate }, TO_ITS_END)
  } catch (error) {
    if (isInvalidRequest(error) || isUnsupported(error)) {
      throw new TerminalError('DomainRefused', 'libvirt refuses the definition of this machine', { cause: error })
    }
    throw error
  }
}
