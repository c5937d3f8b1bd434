// SPDX-License-Identifier: Apache-2.0
// The test guest's image, made in a container: needs neither root nor Debian here.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { exec } from '../../lib/exec.ts'
import { REPOSITORY } from '../cloud/layout.ts'
import { GUEST_IMAGE_PACKAGES, SUITE, UNPACK_GUEST_KERNEL } from '../rootfs/definition.ts'
import type { Runtime } from './runtime.ts'

const SOURCES = join(REPOSITORY, 'local', 'guest-image')
const TAG = 'localhost/nephele/guest-image'
const MINUTE_MS = 60_000

const INSTALL = `apt-get -qq update && apt-get -qq install --yes --no-install-recommends ${[...GUEST_IMAGE_PACKAGES, 'qemu-utils'].join(' ')}`
const run = (program: string, ...args: string[]) => `RUN ${JSON.stringify([program, ...args])}`
const DOCKERFILE = [
  `FROM debian:${SUITE}-slim`,
  run('sh', '-e', '-c', INSTALL),
  run('mkdir', '/usr/lib/guest-kernel'),
  run('sh', '-e', '-c', UNPACK_GUEST_KERNEL),
  'COPY build.sh init.sh dhcp.sh dhcp6.sh power-button.sh /srv/',
  run('bash', '/srv/build.sh'),
].join('\n')

/** Puts guest.qcow2 into `folder`; built once, and kept by the runtime. */
export async function buildGuestImage(runtime: Runtime, folder: string): Promise<void> {
  // Not by standard input, which podman opens a second time: it is a socket here, and sockets cannot be opened.
  const dockerfile = join(folder, 'Dockerfile')
  await writeFile(dockerfile, DOCKERFILE)
  await exec([runtime, 'build', '--tag', TAG, '--file', dockerfile, SOURCES], { timeoutMs: 15 * MINUTE_MS })
  const id = (await exec([runtime, 'create', TAG, 'true'], { timeoutMs: MINUTE_MS })).stdout.trim()
  await exec([runtime, 'cp', `${id}:/mnt/guest.qcow2`, join(folder, 'guest.qcow2')], { timeoutMs: MINUTE_MS })
  await exec([runtime, 'rm', id], { timeoutMs: MINUTE_MS })
}
