// SPDX-License-Identifier: Apache-2.0
import { fork, type ChildProcess } from 'node:child_process'
import type { Server } from 'node:net'

/**
 * Runs inside the namespace: opens the socket, hands it over and ends. A socket belongs to the namespace it was made in for good, so no
 * process has to stay there: a network costs one file descriptor, and this process accepts the connections and sees each guest's own
 * address. Argument: the address. Constant text, no data in it.
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
 * @throws when the namespace is gone or the address is in use
 */
export async function listenInNamespace(
  namespaceFile: string,
  address: string,
  port: number,
  signal: AbortSignal,
): Promise<Server> {
  return takeSocket(forkInNamespace(namespaceFile, OPENER, [address, String(port)], signal))
}

/** A child in another network namespace, with a channel to it, for ten seconds at most. @param script constant text */
export function forkInNamespace(
  namespaceFile: string,
  script: string,
  args: readonly string[],
  signal: AbortSignal,
): ChildProcess {
  return fork('-e', [script, ...args], {
    // fork() sets up the channel; nsenter(1) keeps it open when it becomes Node.
    execPath: 'nsenter',
    execArgv: [`--net=${namespaceFile}`, '--', process.execPath, '--input-type=commonjs'],
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
  })
}

/**
 * Resolves with the socket that a child hands over. The child's exit says nothing: its message may still be on the way, and only the end of
 * its channel (`close`) means that nothing more comes. A socket that arrives when nobody waits is closed: else it would hold the address
 * for as long as this process lives.
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
    else fail(new Error((message as { error?: string }).error ?? 'the child sent no socket'))
  })
  return promise
}
