// SPDX-License-Identifier: Apache-2.0
import { copyFile, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import { startLibvirtNode, type LibvirtNode } from '../../../../lib/libvirt/testing/libvirt-node.ts'
import { ensureGuestImage } from '../../../../local/guest-image/build.ts'
import { ensureRootfs } from '../../../../local/rootfs/build.ts'
import type { ComputePaths } from '../../paths.ts'
import { imageBaseDir } from '../../paths.ts'
import type { InstanceWant, VolumeWant } from '../../instance-driver.ts'
import { instanceWant } from '../testing.ts'
import { LibvirtInstanceDriver, type LibvirtDriverOptions } from './libvirt-instance-driver.ts'

/** A node with libvirt, the guest image in its cache, and a driver on it. */
export interface DriverNode {
  node: LibvirtNode
  paths: ComputePaths
  image: { sha256: string; format: 'qcow2'; virtualSizeBytes: number }
  newDriver: (options?: Partial<LibvirtDriverOptions>) => LibvirtInstanceDriver
  want: (overrides?: Partial<InstanceWant>) => InstanceWant
  volume: () => Promise<VolumeWant>
}

const GUEST_DISK_BYTES = 32 * 2 ** 20

export async function startDriverNode(): Promise<DriverNode> {
  const guest = await ensureGuestImage(await ensureRootfs())
  const node = await startLibvirtNode()
  const paths = { dataDir: join(node.work, 'data'), runDir: join(node.work, 'nephele-run') }
  await mkdir(imageBaseDir(paths), { recursive: true })
  const sha256 = guest.sha256.qcow2
  await copyFile(join(guest.dir, 'guest.qcow2'), join(imageBaseDir(paths), sha256))
  const image = { sha256, format: 'qcow2' as const, virtualSizeBytes: GUEST_DISK_BYTES }
  return {
    node,
    paths,
    image,
    newDriver: (options) =>
      new LibvirtInstanceDriver({
        socketPath: node.socketPath,
        uri: 'qemu:///system',
        paths,
        bootId: 'boot-1',
        exec: (argv, how) => node.exec(argv, how),
        hostRoot: `/proc/${node.pid}/root`,
        // The node has its own network namespace: probed from within, as the agent does.
        checkServer: async ({ host, port }) => {
          await node.exec(['bash', '-c', 'exec 3<>"/dev/tcp/$1/$2"', '-', host, String(port)], { timeoutMs: 3_000 })
        },
        ...options,
      }),
    want: (overrides) => instanceWant({ root: { sha256, format: 'qcow2', sizeBytes: GUEST_DISK_BYTES }, ...overrides }),
    async volume() {
      const uid = randomUUID()
      const path = join(node.work, `${uid}.raw`)
      await node.exec(['truncate', '-s', '64M', path], { timeoutMs: 5_000 })
      await stat(path)
      return { uid, connection: { protocol: 'file', path, format: 'raw' } }
    },
  }
}
