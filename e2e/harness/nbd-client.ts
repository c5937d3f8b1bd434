// SPDX-License-Identifier: Apache-2.0
import { ExecError } from '../../lib/exec.ts'
import type { Cloud } from '../../local/cloud/cloud.ts'

export interface NbdServer {
  host: string
  port: number
  exportName: string
  /** As its certificate has it. */
  name: string
}

/** The folder that QEMU on a node has its certificate in. */
const TLS_DIR = '/var/lib/nephele/pki/qemu'

/** Opens an export from a node as QEMU would, with its certificate or with less. @returns `connected`, or `refused: why` */
export async function tryNbd(
  cloud: Cloud,
  node: string,
  server: NbdServer,
  how: 'certificate' | 'no certificate' | 'no TLS',
): Promise<string> {
  let dir = TLS_DIR
  if (how === 'no certificate') {
    dir = `/run/authority-only-${process.pid}`
    await cloud.exec(node, ['mkdir', '-p', dir])
    await cloud.exec(node, ['cp', `${TLS_DIR}/ca-cert.pem`, dir])
  }
  const credentials = how === 'no TLS' ? [] : ['--object', `tls-creds-x509,id=tls,endpoint=client,dir=${dir}`]
  const image = {
    driver: 'nbd',
    export: server.exportName,
    server: { type: 'inet', host: server.host, port: String(server.port) },
    ...(how === 'no TLS' ? {} : { 'tls-creds': 'tls', 'tls-hostname': server.name }),
  }
  try {
    await cloud.exec(node, ['qemu-img', 'info', ...credentials, `json:${JSON.stringify(image)}`])
    return 'connected'
  } catch (error) {
    if (error instanceof ExecError && !error.timedOut) return `refused: ${error.stderr.trim()}`
    throw error
  } finally {
    if (how === 'no certificate') await cloud.exec(node, ['rm', '-r', '--', dir])
  }
}
