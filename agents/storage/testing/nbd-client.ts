// SPDX-License-Identifier: Apache-2.0
// A client like a hypervisor: qemu-io over NBD with TLS, controlled line by line, in one connection.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { VolumeConnection } from '../../../lib/contract/documents.ts'

export type NbdConnection = Extract<VolumeConnection, { protocol: 'nbd' }>

export interface NbdClientOptions {
  qemuIo: string
  connection: NbdConnection
  /** QEMU's folder of the connecting node's certificate; undefined: without TLS. */
  tlsDir?: string
  reconnectDelaySeconds?: number
}

export interface NbdClient extends AsyncDisposable {
  /** Runs one command of qemu-io(1), such as `write -P 7 0 1M`; resolves with its output. */
  run(command: string): Promise<string>
}

function nbdArguments({ connection, tlsDir, reconnectDelaySeconds = 0 }: NbdClientOptions): string[] {
  const { host, port, exportName, tlsHostname } = connection
  const options = [
    'driver=nbd',
    'server.type=inet',
    `server.host=${host}`,
    `server.port=${port}`,
    `export=${exportName}`,
    `reconnect-delay=${reconnectDelaySeconds}`,
    ...(tlsDir ? ['tls-creds=tls', `tls-hostname=${tlsHostname}`] : []),
  ].join(',')
  const creds = { 'qom-type': 'tls-creds-x509', id: 'tls', endpoint: 'client', dir: tlsDir, 'verify-peer': true }
  return [...(tlsDir ? ['--object', JSON.stringify(creds)] : []), '--image-opts', options]
}

/** @throws Error with the program's output when it cannot open the volume */
export async function openNbd(options: NbdClientOptions): Promise<NbdClient> {
  const child = spawn(options.qemuIo, nbdArguments(options), { stdio: ['pipe', 'pipe', 'pipe'] })
  let said = ''
  const lines: string[] = []
  let wake: (() => void) | undefined
  let over = false
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      said += `${line}\n`
      lines.push(line)
      wake?.()
    })
  }
  child.stdin.on('error', () => undefined)
  void once(child, 'close').then(() => {
    over = true
    wake?.()
  })
  let serial = 0
  const run = async (command: string): Promise<string> => {
    // The error about an unknown command marks the end of the output.
    const mark = `mark${serial++}`
    child.stdin.write(`${command}\n${mark}\n`)
    // It reads one line each time its input becomes readable, however many have arrived.
    const nudge = setInterval(() => child.stdin.write('\n'), 10)
    try {
      for (;;) {
        const at = lines.findIndex((line) => line.includes(mark))
        if (at >= 0) {
          const answer = lines.splice(0, at + 1).slice(0, -1)
          return answer.map((line) => line.replaceAll('qemu-io> ', '')).join('\n')
        }
        if (over) throw new Error(said)
        await new Promise<void>((resolve) => (wake = resolve))
      }
    } finally {
      clearInterval(nudge)
    }
  }
  const client: NbdClient = {
    run,
    async [Symbol.asyncDispose]() {
      if (over) return
      child.kill('SIGKILL')
      await once(child, 'close')
    },
  }
  await run('length')
  return client
}
