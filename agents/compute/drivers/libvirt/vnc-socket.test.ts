// SPDX-License-Identifier: Apache-2.0
// What a broken-out guest may put in the place of its screen's socket, and that nobody connects to it.
import { chown, link, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { makeMemoryFolder } from '../../../../lib/memory-folder.ts'
import { openVncSocket } from './vnc-socket.ts'

const PATH = '/qemu/domain-1/vnc.sock'
const QEMU_UID = 64_055
const isRoot = process.getuid?.() === 0
const signal = new AbortController().signal
let root: string
let servers: Server[]
let clients: Socket[]
/** Names of the servers that somebody has connected to. */
let reached: string[]

beforeEach(async () => {
  root = await makeMemoryFolder('nephele-vnc-')
  ;[servers, clients, reached] = [[], [], []]
  for (const folder of ['qemu/domain-1', 'qemu/domain-2', 'run']) await mkdir(join(root, folder), { recursive: true })
})
afterEach(async () => {
  for (const client of clients) client.destroy()
  for (const server of servers) server.close()
  await rm(root, { recursive: true, force: true })
})

async function serve(name: string, words: string | undefined = 'RFB 003.008\n', uid = QEMU_UID): Promise<void> {
  const server = createServer((client) => {
    clients.push(client)
    reached.push(name)
    if (words !== '') client.write(words)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(join(root, name), resolve))
  // Who is not root has made it as somebody else already.
  if (isRoot) await chown(join(root, name), uid, uid)
}
const open = () => openVncSocket(PATH, root, signal, { greetingMs: 300 })

test('it is opened, and nothing that it says is lost', async () => {
  await serve('qemu/domain-1/vnc.sock', 'RFB 003.008\nmore')
  const socket = await open()
  let heard = ''
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    heard += chunk.toString()
    if (heard.endsWith('more')) break
  }
  expect(heard).toBe('RFB 003.008\nmore')
})

test.each<readonly [string, () => Promise<void>]>([
  ['a link to a service of root', () => symlink('../../run/libvirt-sock', join(root, PATH))],
  ['a link to the screen of another', () => symlink('../domain-2/vnc.sock', join(root, PATH))],
  ['another name of that', () => link(join(root, 'qemu/domain-2/vnc.sock'), join(root, PATH))],
  [
    'a folder that is a link',
    async () => {
      await rm(join(root, 'qemu/domain-1'), { recursive: true })
      await symlink('domain-2', join(root, 'qemu/domain-1'))
    },
  ],
  ...(isRoot ? [['a socket of root', () => rename(join(root, 'run/libvirt-sock'), join(root, PATH))] as const] : []),
  ['a file', () => writeFile(join(root, PATH), 'RFB 003.008\n')],
])('%s is not connected to', async (_, put) => {
  await serve('run/libvirt-sock', undefined, 0)
  await serve('qemu/domain-2/vnc.sock')
  await put()
  await expect(open()).rejects.toThrow('broken out')
  expect(reached).toEqual([])
})

test.each([
  ['another protocol', '{"QMP": {"version": {}}}\r\n', { message: 'what answers is no VNC server' }],
  ['silence', '', { reason: 'MachineUnresponsive' }],
])('%s is no screen', async (_, words, error) => {
  await serve('qemu/domain-1/vnc.sock', words)
  await expect(open()).rejects.toMatchObject(error)
})

test('one that is taken away while nobody listens is said to have ended, and ends nothing else', async () => {
  const server = createServer((client) => void client.destroy())
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(join(root, PATH), resolve))
  if (isRoot) await chown(join(root, PATH), QEMU_UID, QEMU_UID)
  for (let i = 0; i < 20; i++) await expect(open()).rejects.toThrow(/ended|ECONNRESET|EPIPE/)
})
