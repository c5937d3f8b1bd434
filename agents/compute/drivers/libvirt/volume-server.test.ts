// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, test } from '@jest/globals'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { checkVolumeServer } from './volume-server.ts'

const signal = new AbortController().signal
let server: Server | undefined
const sockets = new Set<Socket>()
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)))
  server = undefined
})

async function serve(onConnect: (socket: Socket) => void): Promise<{ host: string; port: number }> {
  server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined))
    onConnect(socket)
  })
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

describe('the server of a volume', () => {
  test('one that greets, if in pieces, is there', async () => {
    const at = await serve((socket) => {
      socket.write('NBDMAG')
      setTimeout(() => socket.write('ICIHAVEOPT\0\x03'), 20)
    })
    await expect(checkVolumeServer(at, signal, 5_000)).resolves.toBeUndefined()
  })

  test.each<[string, (socket: Socket) => void]>([
    ['accepts and says nothing, like one that was stopped', () => undefined],
    ['hangs up', (socket) => socket.end()],
    ['is something else', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n')],
    ['says half of it', (socket) => socket.write('NBDMAGIC')],
  ])('one that %s is silent, within the limit', async (_, onConnect) => {
    const at = await serve(onConnect)
    const start = performance.now()
    await expect(checkVolumeServer(at, signal, 200)).rejects.toMatchObject({ reason: 'VolumeServerSilent' })
    expect(performance.now() - start).toBeLessThan(2_000)
  })

  test('a caller that gives up hears why it did, and nothing of the server', async () => {
    const at = await serve(() => undefined)
    const abort = new AbortController()
    const checking = checkVolumeServer(at, abort.signal, 60_000)
    abort.abort(new Error('given up'))
    await expect(checking).rejects.toThrow('given up')
  })

  test('a port that nobody has is refused', async () => {
    const at = await serve(() => undefined)
    await new Promise((resolve) => server!.close(resolve))
    server = undefined
    await expect(checkVolumeServer(at, signal)).rejects.toMatchObject({ reason: 'VolumeServerSilent' })
  })

  test('packets that are dropped end at the limit; a caller that gives up at once', async () => {
    // TEST-NET-1 (RFC 5737): nobody answers there, and where a router says so, that is an answer too.
    const dropped = { host: '192.0.2.1', port: 10809 }
    await expect(checkVolumeServer(dropped, signal, 200)).rejects.toMatchObject({ reason: 'VolumeServerSilent' })
    const abort = new AbortController()
    const checking = checkVolumeServer(dropped, abort.signal, 60_000)
    abort.abort(new Error('given up'))
    await expect(checking).rejects.toThrow(/given up|does not answer/)
  })
})
