// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events'
import { constants } from 'node:fs'
import { open, readlink, type FileHandle } from 'node:fs/promises'
import { createConnection, type Socket } from 'node:net'
import { join } from 'node:path'
import { TransientError } from '../../../../lib/errors.ts'

/** open(2): a handle on the file itself, whatever it is, which Node has no name for. */
const O_PATH = 0o10_000_000
/** The first words of a server: RFC 6143, 7.1.1. */
const GREETING = /^RFB 003\.00\d\n$/
const GREETING_BYTES = 12
const GREETING_MS = 5_000

/**
 * A connection to QEMU's VNC server. libvirt made its socket in the domain's own folder, which QEMU's user and root may enter.
 * virDomainOpenGraphicsFD hands over the end of a socket pair in its place, which Node cannot receive.
 *
 * A guest that has broken into QEMU may put anything in the socket's place, and who connects here is root: what is connected to is what was
 * looked at, and it is the socket of somebody else than root, at this very place.
 *
 * @param path on the host; undefined: the machine has no screen
 * @param hostRoot where this process sees the host's files
 * @throws TransientError `NoGraphics`, `MachineUnresponsive`; Error: it is none of QEMU's
 */
export async function openVncSocket(
  path: string | undefined,
  hostRoot: string,
  signal: AbortSignal,
  { greetingMs = GREETING_MS }: { greetingMs?: number } = {},
): Promise<Socket> {
  if (path === undefined)
    throw new TransientError(
      'NoGraphics',
      'the machine was started without a screen, by an older agent: stop it and start it again',
    )
  const socket = await connect(path, hostRoot, signal)
  try {
    await hearGreeting(socket, greetingMs, signal)
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

async function connect(path: string, hostRoot: string, signal: AbortSignal): Promise<Socket> {
  const root = await open(hostRoot, O_PATH | constants.O_DIRECTORY)
  try {
    const found = await open(join(hostRoot, path), O_PATH | constants.O_NOFOLLOW)
    try {
      await check(found, join(await pathOf(root), path))
      // One that ends while nobody listens must not end the agent: whoever listens then hears that it is closed.
      const socket = createConnection(nameOf(found)).on('error', () => undefined)
      try {
        await once(socket, 'connect', { signal })
        return socket
      } catch (error) {
        socket.destroy()
        throw error
      }
    } finally {
      await found.close()
    }
  } finally {
    await root.close()
  }
}

/** @param path where it has to be, as the kernel says it */
async function check(found: FileHandle, path: string): Promise<void> {
  const stat = await found.stat()
  // Another name of the same socket would be another machine's, or a service's.
  if (!stat.isSocket() || stat.uid === 0 || stat.nlink !== 1)
    throw new Error(`what is at ${path} is no socket that QEMU has made: has its guest broken out?`)
  const real = await pathOf(found)
  if (real !== path) throw new Error(`${path} leads to ${real}: has its guest broken out?`)
}

const nameOf = ({ fd }: FileHandle): string => `/proc/self/fd/${fd}`
const pathOf = (file: FileHandle): Promise<string> => readlink(nameOf(file))

/** Gives it back, for whoever reads next. */
async function hearGreeting(socket: Socket, greetingMs: number, signal: AbortSignal): Promise<void> {
  const heard = Promise.withResolvers<Buffer>()
  let greeting = Buffer.alloc(0)
  const take = (chunk: Buffer): void => {
    greeting = Buffer.concat([greeting, chunk])
    if (greeting.length >= GREETING_BYTES) heard.resolve(greeting)
  }
  const fail = (error?: Error): void => heard.reject(error ?? new Error('the screen ended before it began'))
  const abort = (): void => fail(signal.reason as Error)
  const late = setTimeout(() => {
    const message = 'opening the screen: QEMU of the machine does not answer; deleting or stopping the machine ends it'
    fail(new TransientError('MachineUnresponsive', message))
  }, greetingMs)
  const onEnd = (): void => fail()
  socket.on('data', take).on('error', fail).on('end', onEnd).on('close', onEnd)
  signal.addEventListener('abort', abort, { once: true })
  try {
    signal.throwIfAborted()
    if (socket.destroyed || socket.readableEnded) fail()
    const bytes = await heard.promise
    if (!GREETING.test(bytes.toString('latin1', 0, GREETING_BYTES))) throw new Error('what answers is no VNC server')
    socket.pause()
  } finally {
    clearTimeout(late)
    signal.removeEventListener('abort', abort)
    socket.off('data', take).off('error', fail).off('end', onEnd).off('close', onEnd)
  }
  socket.unshift(greeting)
}
