// SPDX-License-Identifier: Apache-2.0
// The examples of clients/typescript as their reader runs them: programs that are told where the cluster is by KUBECONFIG alone.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { KEY_PAIR, NETWORK, SUBNET } from '../../lib/api/kinds.ts'
import { exec } from '../../lib/exec.ts'
import { REPOSITORY } from '../../local/cloud/layout.ts'
import { Project } from '../harness/project.ts'
import { newKey } from '../harness/ssh-key.ts'
import { waitForGone, waitUntilTrue } from '../harness/wait.ts'

const example = (name: string) => join(REPOSITORY, 'clients/typescript/examples', `${name}.ts`)

let project: Project
let env: NodeJS.ProcessEnv
beforeAll(async () => {
  project = await Project.create('client', { withImage: false })
  env = { KUBECONFIG: project.test.cloud.kubeconfigPath }
}, 60_000)
afterAll(() => project.destroy(), 60_000)

test('a network, a subnet and a key are applied, watched until they are ready, read and deleted', async () => {
  const { client, cloud } = project.test
  const keyFile = join(cloud.layout.dir, `${project.namespace}.pub`)
  await writeFile(keyFile, `${newKey()}\n`)
  const run = (...args: string[]) => exec([process.execPath, example('network'), ...args], { env, timeoutMs: 60_000 })
  const watch = spawn(process.execPath, [example('watch'), project.namespace], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(watch, 'exit')
  let seen = ''
  watch.stdout.setEncoding('utf8').on('data', (text: string) => (seen += text))
  try {
    const { stdout } = await run('apply', project.namespace, keyFile)
    expect(stdout).toMatch(
      /^10\.40\.0\.0\/24 by way of 10\.40\.0\.1, 1400 bytes a packet\nssh-ed25519 SHA256:[\w+/]{43}\n$/,
    )
    const before = await client.get(SUBNET, project.at('web'))
    expect(await run('apply', project.namespace, keyFile)).toMatchObject({ stdout })
    expect(await client.get(SUBNET, project.at('web'))).toEqual(before)

    await run('delete', project.namespace)
    for (const kind of [KEY_PAIR, SUBNET, NETWORK]) await waitForGone(client, kind, project.at('web'))
    for (const what of ['Network web', 'Subnet web']) {
      await waitUntilTrue(
        `${what} gone`,
        () => new RegExp(`${what} ACTIVE\n[^]*${what} gone\n`).test(seen) || undefined,
      )
    }
  } finally {
    watch.kill('SIGINT')
    expect(await ended).toEqual([0, null])
  }
}, 90_000)
