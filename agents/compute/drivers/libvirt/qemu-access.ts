// SPDX-License-Identifier: Apache-2.0
// QEMU does not run as root (docs/node-prerequisites.md). libvirt gives it access to a machine's own disks; access to what QEMU opens by
// itself is granted to its group here: the credentials for volumes, the sockets shared with the switch, the base images.
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
  /** Absent: no volume needs credentials. */
  credentials?: { nbd: Pick<NbdFiles, 'client'>; identity: Pick<CertifiedFiles, 'authorityFile'> }
}

export interface QemuUser {
  uid: number
  gid: number
}

/**
 * The user that libvirt runs QEMU as, from its capabilities (https://libvirt.org/formatcaps.html): `<secmodel><model>dac</model>` with
 * `<baselabel type='kvm'>+64055:+64055</baselabel>`. Pure. @throws when the capabilities do not name one
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

  /** libvirtd was restarted, perhaps with another configuration. */
  forget(): void {
    this.#user = undefined
  }

  /** Called before a machine is started or a volume attached; costs next to nothing when all is set up. */
  async ensure(signal: AbortSignal): Promise<void> {
    const { paths, credentials } = this.#options
    const { gid: group } = await this.#find(signal)
    for (const folder of [paths.dataDir, instancesDir(paths), computeDir(paths), dirname(imageBaseDir(paths))])
      await letPass(folder)
    await ensureFolder(imageBaseDir(paths), { mode: 0o750, group })
    await letPass(paths.runDir)
    // QEMU makes its sockets here; the switch, which connects to them, runs as root.
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

/** Makes a folder passable but not listable: a file in it can be opened only by those who know its name. */
async function letPass(folder: string): Promise<void> {
  try {
    const { mode } = await stat(folder)
    if ((mode & 0o011) !== 0o011) await chmod(folder, (mode & 0o7777) | 0o011)
  } catch (error) {
    if (!isMissing(error)) throw error
    await mkdir(folder, { recursive: true, mode: 0o711 })
  }
}
