// SPDX-License-Identifier: Apache-2.0
import { fork, type ChildProcess } from 'node:child_process'
import type { Server } from 'node:net'

/**
 * Runs inside of the namespace: opens the socket, hands it over and ends. A socket belongs for good to the namespace that it was
 * made in, so that no process has to stay there: a network costs a file descriptor, and the accepting side is this process, which
 * sees every guest's own address. Argument: the address. Constant text, no data in it.
 */
const OPENER = `
const server = require('node:net').createServer({ pauseOnConnect: true }, (socket) => socket.destroy())
server.once('error', (error) => process.send({ error: error.message }, () => process.exit(1)))
server.listen({ host: process.argv[1], port: Number(process.argv[2]), backlog: 128 }, () =>
  process.send({ listening: true }, server, () => process.exit(0)))
`

/**
 * A listening TCP socket in another network namespace.
 * @param namespaceFile such as /run/netns/NAME
 * @throws when the namespace is gone or the address is taken
 */
export async function listenInNamespace(
  namespaceFile: string,
  address: string,
  port: number,
  signal: AbortSignal,
): Promise<Server> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(10_000)])
  const child = fork('-e', [OPENER, address, String(port)], {
    // fork() sets up the channel; nsenter(1) passes it on when it becomes Node.
    execPath: 'nsenter',
    execArgv: [`--net=${namespaceFile}`, '--', process.execPath, '--input-type=commonjs'],
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    signal: deadline,
  })
  return takeSocket(child)
}

/**
 * The socket that a child hands over, as soon as it comes. That the child ended says nothing about it: what it sent may still be on its
 * way, and only the end of its channel (`close`) tells that nothing comes any more. One that comes when nobody waits is closed, or it
 * would hold the address for as long as this process lives.
 */
export function takeSocket(child: Pick<ChildProcess, 'on' | 'once' | 'stderr'>): Promise<Server> {
  let stderr = ''
  child.stderr?.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-500)))
  const { promise, resolve, reject } = Promise.withResolvers<Server>()
  let isGivenUp = false
  const fail = (cause: unknown): void => {
    isGivenUp = true
    reject(new Error('listening in a namespace', { cause }))
  }
  child.on('error', fail)
  child.once('close', (code) => fail(new Error(`code ${code ?? 'none'}: ${stderr}`)))
  child.once('message', (message, handle) => {
    const server = handle as Server | undefined
    if (server && isGivenUp) server.close()
    else if (server) resolve(server)
    else fail(new Error((message as { error?: string }).error ?? 'no socket came'))
  })
  return promise
}
