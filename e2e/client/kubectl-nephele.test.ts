// SPDX-License-Identifier: Apache-2.0
// The plug-in of kubectl as its user installs it: built, installed by npm, and called by kubectl.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { INSTANCE, SECRET } from '../../lib/api/kinds.ts'
import { exec, ExecError } from '../../lib/exec.ts'
import { programPath } from '../../local/build/programs.ts'
import { REPOSITORY } from '../../local/cloud/layout.ts'
import type { GuestDoor } from '../harness/guest-door.ts'
import * as draft from '../harness/objects.ts'
import { ON_NET, Project } from '../harness/project.ts'
import { waitForCondition, waitUntilTrue } from '../harness/wait.ts'

let project: Project
let door: GuestDoor
let home: string
let kubectl: string
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'nephele-cli-'))
  const npm = (...args: string[]) => exec(['npm', ...args], { timeoutMs: 120_000, env: process.env, cwd: REPOSITORY })
  await npm('run', '-s', 'build')
  await npm('install', '--silent', '--global', '--prefix', home, '--install-links', './dist/kubectl-nephele')
  kubectl = await programPath('kubectl')
  project = await Project.create('cli', { net: '10.81.0.0/24' })
  // Its user's own Node, which may be 20, and none that npm has put before it.
  const hosts = (process.env['PATH'] ?? '').split(':').filter((dir) => !dir.includes('node_modules'))
  const path = [join(home, 'bin'), dirname(kubectl), ...hosts].join(':')
  env = { ...process.env, PATH: path, KUBECONFIG: project.test.cloud.kubeconfigPath }
  ;({ door } = await project.bootGuests({ vm: {} }))
}, 300_000)
afterAll(async () => {
  await project.destroy()
  rmSync(home, { recursive: true, force: true })
}, 120_000)

const nephele = async (...args: string[]) =>
  (await exec([kubectl, 'nephele', '-n', project.namespace, ...args], { env, timeoutMs: 90_000 })).stdout

test('a machine that is well, its networks, its history and its node', async () => {
  expect(await nephele('why', 'vm')).toMatch(
    new RegExp(`^Instance ${project.namespace}/vm: ACTIVE on compute-\\d+, ready for `),
  )
  expect(await nephele('diagram')).toMatch(
    /^Network net {2}10\.81\.0\.0\/24\n└── Instance vm {2}ACTIVE {2}10\.81\.0\.\d+\n$/,
  )
  const picture = join(home, 'net.svg')
  await nephele('diagram', picture)
  expect(readFileSync(picture, 'utf8')).toMatch(/<svg [^]*Instance vm[^]*<\/svg>/)
  expect(await nephele('history', 'vm')).toMatch(/Created[^]*Started/)
  const nodes = JSON.parse(await nephele('top', 'nodes', '-o', 'json')) as { instances: number }[]
  expect(nodes.some(({ instances }) => instances > 0)).toBe(true)
}, 60_000)

test('one that waits: what it names that is not there', async () => {
  await project.create(INSTANCE, draft.instance(project.at('lost'), { ...ON_NET, imageRef: { name: 'typo' } }))
  await waitForCondition(project.test.client, INSTANCE, project.at('lost'), {
    type: 'Reconciling',
    reason: 'ImageNotFound',
  })
  const said = await nephele('why', 'ninst/lost')
  expect(said).toContain('(ImageNotFound)')
  expect(said).toContain(`\n  Image ${project.namespace}/typo: does not exist (named in spec.imageRef).\n`)
}, 60_000)

test('stop and start wait until it is so', async () => {
  expect(await nephele('stop', 'vm')).toBe('instance.nephele.dev/vm stopped\n')
  expect((await project.test.client.get(INSTANCE, project.at('vm'))).status).toMatchObject({ state: 'SHUTOFF' })
  expect(await nephele('start', 'vm')).toBe('instance.nephele.dev/vm started\n')
  expect((await project.test.client.get(INSTANCE, project.at('vm'))).status).toMatchObject({ state: 'ACTIVE' })
}, 90_000)

test('what is done to a machine is waited for, told, and stands in its history with who asked', async () => {
  expect(await nephele('reboot', 'vm')).toBe('instance.nephele.dev/vm rebooted\n')
  expect(await nephele('reboot', '--hard', 'vm')).toBe('instance.nephele.dev/vm rebooted\n')
  expect(await nephele('reset', 'vm')).toBe('instance.nephele.dev/vm reset\n')
  expect(await nephele('crash-dump', 'vm')).toBe('instance.nephele.dev/vm interrupted\n')
  expect(await nephele('reset-state', 'vm')).toBe('instance.nephele.dev/vm tried again\n')
  const history = await nephele('history', 'vm')
  expect(history).toMatch(/Action +Reboot +Succeeded \(vm-reboot-[0-9a-f]{6}\); ForcedOff, PoweredOff, Started/)
  const { stdout } = await exec([kubectl, 'auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'], {
    ...{ env, timeoutMs: 30_000 },
  })
  expect(history).toMatch(new RegExp(`Action +Reset +asked for by ${stdout} `))
  await nephele('stop', 'vm')
  const reboot = [
    'sh',
    '-c',
    '"$@"; echo "code $?"',
    '_',
    kubectl,
    'nephele',
    '-n',
    project.namespace,
    'reboot',
    'vm',
  ] as const
  const refused = (await exec(reboot, { env, timeoutMs: 90_000 })).stdout
  await nephele('start', 'vm')
  expect(refused).toMatch(/not rebooted: InstanceNotRunning: .*\ncode 1\n$/)
}, 240_000)

test('a password is piped in; its Secret is gone when it is set', async () => {
  await project.allowUserData()
  const inGuest = async (script: string) => (await door.ssh(await project.get('vm'), script)).trim()
  await waitUntilTrue('the agent of the guest', async () => (await inGuest('pidof qemu-ga || true')) !== '', 90_000)
  const input = 'typed by nobody\n'
  const { stdout } = await exec([kubectl, 'nephele', '-n', project.namespace, 'set-password', 'root@vm'], {
    ...{ env, timeoutMs: 90_000, input },
  })
  expect(stdout).toBe('instance.nephele.dev/vm has the new password\n')
  const hash = await inGuest("sed -n 's/^root:\\([^:]*\\):.*/\\1/p' /etc/shadow")
  const [, , salt = ''] = hash.split('$')
  expect(await inGuest(`mkpasswd -m sha512 -S ${salt} '${input.trim()}'`)).toBe(hash)
  expect(await project.test.client.list(SECRET, { namespace: project.namespace })).toEqual([])
}, 240_000)

test('a support bundle has its objects and Events; where Nephele runs in no pods it says so', async () => {
  const { stdout } = await exec([kubectl, 'nephele', 'support-bundle'], { env, timeoutMs: 90_000, cwd: home })
  const [archive = ''] = stdout.split('\n')
  await exec(['tar', '--extract', '--file', archive, '--directory', home], { timeoutMs: 30_000 })
  const read = (path: string) => readFileSync(join(archive.replace(/\.tar\.gz$/, ''), path), 'utf8')
  expect(read('objects/instances.yaml')).toContain((await project.get('vm')).metadata.uid)
  expect(read('events.txt')).toMatch(new RegExp(`Instance ${project.namespace}/vm {2}Started `))
  expect(read('cluster/version.yaml')).toContain('serverVersion:')
  expect(read('README.txt')).toContain('no pod has the label app.kubernetes.io/name=nephele')
}, 120_000)

test('names are completed; mistakes are told in a line, with code 2', async () => {
  const completed = await exec(['kubectl_complete-nephele', 'stop', '-n', project.namespace, 'v'], {
    env,
    timeoutMs: 30_000,
  })
  expect(completed.stdout).toBe('vm\n:4\n')
  const failure = await nephele('why', 'nix').catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(ExecError)
  expect(failure).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/^there is no Instance "nix" in namespace .*\n$/),
  })
}, 60_000)
