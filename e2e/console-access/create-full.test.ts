// SPDX-License-Identifier: Apache-2.0
// A machine's serial console in a terminal: a person types, a real guest answers; one at a time, for as long as it is allowed.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { WebSocket } from 'ws'
import { CONSOLE_ACCESS, INSTANCE, SECRET } from '../../lib/api/kinds.ts'
import type { ConsoleAccess, Secret } from '../../lib/api/types.ts'
import { exec } from '../../lib/exec.ts'
import { CONSOLE_PROTOCOL } from '../../lib/console/protocol.ts'
import { NODE_PROGRAM, REPOSITORY } from '../../local/cloud/layout.ts'
import { consoleText } from '../harness/console.ts'
import * as draft from '../harness/objects.ts'
import { Project } from '../harness/project.ts'
import { waitForObject, waitForReady, waitUntilTrue } from '../harness/wait.ts'
import { Terminal } from './terminal.ts'

let project: Project
beforeAll(async () => {
  project = await Project.create('console', { net: '10.94.0.0/24' })
  await project.boot('vm', { networks: [{ networkRef: { name: 'net' } }] })
  await waitUntilTrue(
    'the guest’s shell',
    async () => (await project.marks('vm')).some(({ what }) => what === 'login'),
    90_000,
  )
}, 240_000)
afterAll(async () => {
  await project.destroy()
  expect(await project.findLeftovers()).toEqual([])
}, 120_000)

const accesses = () => project.test.client.list<ConsoleAccess>(CONSOLE_ACCESS, { namespace: project.namespace })
const newest = async () =>
  (await accesses()).toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)).map(({ status }) => status?.state)

async function ready(name: string, spec: object = {}): Promise<{ access: ConsoleAccess; token: string }> {
  await project.create<ConsoleAccess>(CONSOLE_ACCESS, draft.consoleAccess(project.at(name), 'vm', spec))
  const access = await waitForReady<ConsoleAccess>(project.test.client, CONSOLE_ACCESS, project.at(name))
  const at = project.at(access.status?.tokenSecretRef?.name ?? '')
  const { data } = await project.test.client.get<Secret>(SECRET, at)
  return { access, token: Buffer.from(data?.['token'] ?? '', 'base64').toString() }
}

/** @returns how the WebSocket closed, or `Open` */
async function dial(
  { access, token }: { access: ConsoleAccess; token: string },
  url = access.status?.url,
): Promise<string> {
  const ca = readFileSync(project.test.cloud.layout.pki('ca.crt'))
  const socket = new WebSocket((url ?? '').replace(/^https/, 'wss'), CONSOLE_PROTOCOL, { ca })
  try {
    await once(socket, 'open')
    const closed = once(socket, 'close').then(([, reason]) => String(reason))
    const opened = once(socket, 'message').then(() => 'Open')
    socket.send(JSON.stringify({ token }))
    return await Promise.race([closed, opened])
  } finally {
    socket.close()
  }
}

test('what is typed is answered by the guest; Ctrl-] leaves; its log goes on; who had it stands in the history', async () => {
  await using terminal = new Terminal(project, 'console', 'vm')
  await terminal.sees('Ctrl-] leaves it')
  terminal.type('\recho typed-$((20+3)); tty; stty size\r')
  await terminal.sees('typed-23')
  await terminal.sees('/dev/')
  await waitUntilTrue('Open', async () => (await newest()).includes('Open'), 10_000)
  // Ctrl-C is the guest's, once its shell has begun what it ends.
  terminal.type('(echo begun-$((1+1)); sleep 1000)\r')
  await terminal.sees('begun-2')
  terminal.type('\x03')
  terminal.type('echo still-$((40+2))\r')
  await terminal.sees('still-42')
  const pressed = performance.now()
  terminal.type('echo e-$((2+2))\r')
  await terminal.sees('e-4', 10_000)
  console.log(`key to answer: ${(performance.now() - pressed).toFixed(0)} ms, looked at every so often`)
  expect(await terminal.leave()).toBe(0)
  await waitUntilTrue('Closed', async () => (await newest()).join() === 'Closed', 15_000)
  const [access] = await accesses()
  expect(access?.spec.requestedBy).toBeTruthy()
  expect(access?.status?.openedAt).toBeTruthy()
  const log = consoleText(project.test.cloud, await project.get('vm'))
  for (const said of ['typed-23', 'still-42', 'e-4']) expect(log).toContain(said)
}, 120_000)

test('its log is read beside an open console: on a terminal as plain text, elsewhere as it was said', async () => {
  await using terminal = new Terminal(project, 'console', 'vm')
  await terminal.sees('Ctrl-] leaves it')
  terminal.type('\recho -e "\\033[31mlogged-$((50+5))\\033[0m"\r')
  await terminal.sees('logged-55')
  await using log = new Terminal(project, 'log', 'vm')
  expect(await log.ended).toBe(0)
  expect(log.raw).toContain('logged-55')
  expect(log.raw).not.toContain('\u001b[31m')
  const argv = [
    NODE_PROGRAM,
    `${REPOSITORY}/cli/main.ts`,
    '-n',
    project.namespace,
    'log',
    'vm',
    '--lines',
    '4',
  ] as const
  const { stdout } = await exec(argv, {
    timeoutMs: 60_000,
    env: {
      ...process.env,
      ...{ NODE_OPTIONS: '', KUBECONFIG: project.test.cloud.kubeconfigPath },
      NODE_EXTRA_CA_CERTS: project.test.cloud.layout.pki('ca.crt'),
    },
  })
  expect(stdout).toContain('\u001b[31mlogged-55')
  expect(stdout.split('\n').length).toBeLessThanOrEqual(5)
  expect(await terminal.leave()).toBe(0)
}, 120_000)

test('a second one is refused while it is open, and by force ends the first', async () => {
  await using first = new Terminal(project, 'console', 'vm')
  await first.sees('Ctrl-] leaves it')
  await using second = new Terminal(project, 'console', 'vm')
  await second.sees('ConsoleTaken: another has this console open')
  expect(await second.ended).toBe(1)
  await using third = new Terminal(project, 'console', 'vm', '--force')
  await third.sees('Ctrl-] leaves it')
  await first.sees('ConsoleClosed: ')
  expect(await first.ended).toBe(1)
  third.type('\recho third-$((1+2))\r')
  await third.sees('third-3')
  expect(await third.leave()).toBe(0)
}, 120_000)

test('a token is of one use, for one machine and a short time, and of no use when its access is gone', async () => {
  const used = await ready('used')
  expect(await dial(used)).toBe('Open')
  expect(await dial(used)).toMatch(/^AccessUsed: /)
  const other = await ready('other')
  expect(await dial({ ...other, token: used.token })).toMatch(/^AccessUnknown: /)
  // Another project's machine, by the same token.
  const url = other.access.status?.url?.replace(
    other.access.status.instanceUID ?? '',
    '11111111-1111-1111-1111-111111111111',
  )
  expect(await dial(other, url)).toMatch(/^AccessUnknown: /)
  await project.remove(CONSOLE_ACCESS, 'other')
  await waitUntilTrue('withdrawn', async () => (await dial(other)).startsWith('AccessUnknown: '), 10_000)
  const { client } = project.test
  await waitUntilTrue(
    'its Secret gone',
    async () => (await client.find(SECRET, project.at(other.access.status?.tokenSecretRef?.name ?? ''))) === undefined,
    30_000,
  )
  const short = await ready('short', { ttlSeconds: 10 })
  await waitForObject<ConsoleAccess>(
    client,
    CONSOLE_ACCESS,
    project.at('short'),
    (one) => one?.status?.state === 'Failed',
    {
      ...{ what: 'Failed', timeoutMs: 60_000 },
    },
  )
  expect(await dial(short)).toMatch(/^Access(Unknown|Expired): /)
}, 180_000)

test('the agent’s restart ends it, and another is open at once; so does the end of the machine', async () => {
  await using terminal = new Terminal(project, 'console', 'vm')
  await terminal.sees('Ctrl-] leaves it')
  const { node = '' } = (await project.get('vm')).status ?? {}
  await project.test.cloud.exec(node, ['sh', '-c', 'kill $(cat /run/nephele-node/agent.pid)'])
  await terminal.sees(/(AgentStopping|SessionUnknown|PeerSilent): /)
  expect(await terminal.ended).toBe(1)
  await using next = new Terminal(project, 'console', 'vm')
  await next.sees('Ctrl-] leaves it', 60_000)
  next.type('\recho next-$((3+4))\r')
  await next.sees('next-7')
  await project.patch(INSTANCE, 'vm', { spec: { runState: 'Stopped' } })
  await next.sees('ConsoleClosed: ', 90_000)
  expect(await next.ended).toBe(1)
  await using off = new Terminal(project, 'console', 'vm')
  await off.sees('MachineOff: ')
}, 240_000)
