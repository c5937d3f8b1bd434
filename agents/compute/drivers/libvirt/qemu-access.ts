// SPDX-License-Identifier: Apache-2.0
// QEMU does not run as root (docs/node-prerequisites.md). libvirt hands it a machine's own disks; what it opens by itself is given to its
// group here: its credentials for volumes, the sockets it shares with the switch, the images below its disks.
import { chmod, mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isMissing } from '../../../../lib/durable-files.ts'
import type { LibvirtClient } from '../../../../lib/libvirt/client.ts'
import { ensureFolder } from '../../../../lib/owned-files.ts'
import type { CertifiedFiles, NbdFiles } from '../../../node/role.ts'
import { clientTlsDir, ensureClientTls } from '../../../storage/exports/tls-files.ts'
import { computeDir, imageBaseDir, instancesDir, vhostUserDir, type ComputePaths } from '../../paths.ts'
import { parseXml } from './xml-element.ts'

export interface QemuAccessOptions {
  paths: ComputePaths
  /** Absent: no volume needs any. */
  credentials?: { nbd: Pick<NbdFiles, 'client'>; identity: Pick<CertifiedFiles, 'authorityFile'> }
}

export interface QemuUser {
  uid: number
  gid: number
}

/**
 * Who libvirt runs QEMU as, from its capabilities (https://libvirt.org/formatcaps.html): `<secmodel><model>dac</model>` with
 * `<baselabel type='kvm'>+64055:+64055</baselabel>`. Pure. @throws when libvirt does not say
 */
export function readQemuUser(capabilities: string): QemuUser {
  for (const model of Array.from(parseXml(capabilities).getElementsByTagName('secmodel'))) {
    if (Array.from(model.getElementsByTagName('model'))[0]?.textContent !== 'dac') continue
    for (const label of Array.from(model.getElementsByTagName('baselabel'))) {
      const match = /^\+(\d+):\+(\d+)$/.exec(label.textContent?.trim() ?? '')
      if (match) return { uid: Number(match[1]), gid: Number(match[2]) }
    }
  }
  throw new Error("libvirt's capabilities do not say which user QEMU runs as")
}

export class QemuAccess {
  readonly #client: LibvirtClient
  readonly #options: QemuAccessOptions
  #user: Promise<QemuUser> | undefined

  constructor(client: LibvirtClient, options: QemuAccessOptions) {
    this.#client = client
    this.#options = options
  }

  /** libvirtd came anew, perhaps with another configuration. */
  forget(): void {
    this.#user = undefined
  }

  /** Before a machine is started or given a volume; costs nothing when all is as it should be. */
  async ensure(signal: AbortSignal): Promise<void> {
    const { paths, credentials } = this.#options
    const { gid: group } = await this.#find(signal)
    for (const folder of [paths.dataDir, instancesDir(paths), computeDir(paths), dirname(imageBaseDir(paths))])
      await letPass(folder)
    await ensureFolder(imageBaseDir(paths), { mode: 0o750, group })
    await letPass(paths.runDir)
    // QEMU makes its sockets here; the switch, which connects to them, is root's.
    await ensureFolder(vhostUserDir(paths), { mode: 0o770, group })
    if (!credentials) return
    const dir = clientTlsDir(paths.dataDir)
    await mkdir(dirname(dir), { recursive: true, mode: 0o711 })
    await letPass(dirname(dir))
    await ensureFolder(dir, { mode: 0o750, group })
    await ensureClientTls(credentials.nbd, credentials.identity, dir, group)
  }

  #find(signal: AbortSignal): Promise<QemuUser> {
    this.#user ??= this.#client.call('getCapabilities', undefined, signal).then(
      ({ xml }) => readQemuUser(xml),
      (error: unknown) => {
        this.#user = undefined
        throw error
      },
    )
    return this.#user
  }
}

/** Whoever knows a name in it may open that; what it holds is not told. */
async function letPass(folder: string): Promise<void> {
  try {
    const { mode } = await stat(folder)
    if ((mode & 0o011) !== 0o011) await chmod(folder, (mode & 0o7777) | 0o011)
  } catch (error) {
    if (!isMissing(error)) throw error
    await mkdir(folder, { recursive: true, mode: 0o711 })
  }
}
