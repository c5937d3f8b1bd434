// SPDX-License-Identifier: Apache-2.0
// Clients outside of the cloud that check whom they speak with, as browsers do.
import { exec } from '../../lib/exec.ts'
import { fabricNet } from '../../local/node/fabric.ts'
import type { TestCloud } from './cloud.ts'

export interface HttpsRequest {
  address: string
  /** Asked for by SNI and in the Host header. */
  hostname: string
  path?: string
  /** PEM of the authorities that are trusted. */
  trusted: string
}

export interface HttpsAnswer {
  status?: number
  body?: string
  /** Of the certificate, in hex. */
  serial?: string
  protocol?: string
  /** Why there is no answer, such as `CERT_HAS_EXPIRED`. */
  error?: string
}

/** Sends one request after the other for so long; at least one. Each on a connection of its own. */
export async function askOverTls(
  { cloud }: TestCloud,
  { address, hostname, path = '/', trusted }: HttpsRequest,
  forMs = 0,
): Promise<HttpsAnswer[]> {
  const { fabric } = cloud.state
  if (!fabric) throw new Error('the cloud has no fabric')
  const options = { host: address, port: 443, servername: hostname, path, ca: trusted, agent: false, timeout: 5000 }
  const program = `
    const options = { ...${JSON.stringify(options)}, headers: { host: ${JSON.stringify(hostname)} } }
    const ask = () => new Promise((done) => {
      const q = require('node:https').get(options, (a) => {
        const { serialNumber: serial } = a.socket.getPeerCertificate()
        const protocol = a.socket.getProtocol()
        let body = ''
        a.on('data', (part) => (body += part))
        a.on('end', () => done({ status: a.statusCode, body: body.trim(), serial, protocol }))
        a.on('error', (e) => done({ error: e.code ?? e.message }))
      })
      q.on('timeout', () => q.destroy(new Error('timeout')))
      q.on('error', (e) => done({ error: e.code ?? e.message }))
    })
    const until = Date.now() + ${forMs}
    const answers = []
    do answers.push(await ask())
    while (Date.now() < until)
    console.log(JSON.stringify(answers))`
  const argv = ['nsenter', `--net=${fabricNet(fabric)}`, process.execPath, '--input-type=module', '-e'] as const
  const imports = `import { createRequire } from 'node:module'; const require = createRequire('/');`
  const { stdout } = await exec([...argv, imports + program], { timeoutMs: forMs + 30_000 })
  return JSON.parse(stdout) as HttpsAnswer[]
}
