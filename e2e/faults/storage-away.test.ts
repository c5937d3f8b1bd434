// SPDX-License-Identifier: Apache-2.0
// A guest writes while what it was started with is renewed around it, its volume grows, and its storage is away for longer than requests
// wait: it is told of nothing and loses nothing.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { INSTANCE, VOLUME } from '../../lib/api/kinds.ts'
import type { Instance, Volume } from '../../lib/api/types.ts'
import { signalProcess } from '../../local/host/process.ts'
import { draw } from '../harness/draw.ts'
import { readLoad, waitForRounds, WRITER } from '../harness/load.ts'
import { findStorageDaemon } from '../harness/processes.ts'
import { Project } from '../harness/project.ts'
import { waitForCondition, waitForObject, waitUntilTrue } from '../harness/wait.ts'

const COMPUTE = 'compute-1'
const PKI = '/var/lib/nephele/pki'
/** Instead of ten minutes. */
const SETTING = 'NEPHELE_NBD_RECONNECT_SECONDS=3'
const AGENT_ENVIRONMENT = '/etc/nephele/agent.env'

let project: Project
let writer: Instance
beforeAll(async () => {
  project = await Project.create('away', { net: '10.82.0.0/24' })
  const { cloud } = project.test
  await cloud.exec(COMPUTE, ['sed', '-i', `$a${SETTING}`, AGENT_ENVIRONMENT])
  await cloud.restartDaemon(COMPUTE, 'agent')
  await project.createVolume('data')
  await project.createInstance('writer', {
    availabilityZone: 'zone-a',
    networks: [{ networkRef: { name: 'net' } }],
    volumes: [{ volumeRef: { name: 'data' } }],
    userData: WRITER,
  })
  writer = await project.waitActive('writer')
  await waitForRounds(project, writer, 'write', 2)
}, 240_000)
afterAll(async () => {
  const { cloud, networkNode } = project.test
  await cloud.startDaemon(networkNode, 'agent')
  await cloud.exec(COMPUTE, ['sed', '-i', `/^${SETTING}$/d`, AGENT_ENVIRONMENT])
  await cloud.restartDaemon(COMPUTE, 'agent')
  await project.destroy()
}, 120_000)

/** As when it is due: another key, another certificate. */
async function renew(node: string, ...certificates: string[]): Promise<void> {
  const { cloud } = project.test
  const paths = certificates.map((file) => `${PKI}/${file}`)
  await cloud.exec(node, ['rm', '-f', '--', ...paths])
  await cloud.restartDaemon(node, 'agent')
  await waitUntilTrue(
    `certificates of ${node}`,
    () =>
      cloud.exec(node, ['ls', '--', ...paths]).then(
        () => true,
        () => undefined,
      ),
    60_000,
  )
}

const CASES: readonly [string, () => Promise<void>][] = [
  [
    'its storage is away for longer than requests wait: it is paused, and goes on',
    async () => {
      const { client, cloud, networkNode } = project.test
      await cloud.stopDaemon(networkNode, 'agent')
      const daemon = findStorageDaemon(cloud.node(networkNode))
      if (daemon) signalProcess(daemon, 'SIGKILL')
      await waitForCondition(client, INSTANCE, project.at('writer'), {
        type: 'Ready',
        status: 'False',
        reason: 'DiskError',
      })
      await cloud.startDaemon(networkNode, 'agent')
    },
  ],
  [
    'the certificates of both nodes are renewed twice, and its volume grows',
    async () => {
      const { client, cloud, networkNode } = project.test
      const pid = findStorageDaemon(cloud.node(networkNode))?.pid
      for (let renewal = 0; renewal < 2; renewal++) {
        await renew(networkNode, 'nbd/server/server-cert.pem', 'node.crt')
        await renew(COMPUTE, 'node.crt')
        await waitForRounds(project, writer, 'write', 2)
      }
      await project.patch(VOLUME, 'data', { spec: { sizeGiB: 2 } })
      await waitForObject<Volume>(client, VOLUME, project.at('data'), (v) => v?.status?.sizeGiB === 2, {
        what: '2 GiB',
        timeoutMs: 90_000,
      })
      // Nothing of it restarted the volume's server.
      expect(pid).toBeDefined()
      expect(findStorageDaemon(cloud.node(networkNode))?.pid).toBe(pid)
    },
  ],
]
const drawn = draw(CASES, 1)

describe(`a guest that writes (${drawn.title})`, () => {
  test.each(drawn.cases)(
    '%s',
    async (_, happen) => {
      const before = readLoad(project, writer, 'write')
      await happen()
      const after = await waitForRounds(project, writer, 'write', 3, 90_000)
      expect(after.bootId).toBe(before.bootId)
      expect(after.broken).toEqual([])
      await project.waitActive('writer')
    },
    300_000,
  )

  test('is of a hypervisor without rights, which reads what it opens volumes with and nothing else of its node', async () => {
    const { cloud } = project.test
    const as = (group: string, path: string) =>
      cloud.exec(COMPUTE, [
        'setpriv',
        '--reuid=libvirt-qemu',
        `--regid=${group}`,
        '--clear-groups',
        'head',
        '-c1',
        path,
      ])
    const { stdout } = await cloud.exec(COMPUTE, ['ps', '-o', 'user:32=', '-C', 'qemu-system-x86_64'])
    expect(new Set(stdout.trim().split(/\s+/))).toEqual(new Set(['libvirt-qemu']))
    await as('libvirt-qemu', `${PKI}/qemu/client-key.pem`)
    for (const path of ['node.key', 'nbd/server/server-key.pem', 'nbd/client/client-key.pem'])
      await expect(as('libvirt-qemu', `${PKI}/${path}`)).rejects.toThrow()
    await expect(as('nogroup', `${PKI}/qemu/client-key.pem`)).rejects.toThrow()
  }, 30_000)
})
