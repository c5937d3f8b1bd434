// SPDX-License-Identifier: Apache-2.0
// What the apiserver spends its CPU on, by its own /debug/pprof/profile: for `go tool pprof -top FILE`, which needs no binary beside it.
import { writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:https'
import type { ControlPlane } from '../../local/control-plane/start.ts'

/** Resolves when it is written. @param plane started with `profiling` */
export async function profileApiserver(
  { server, certificateAuthority, admin }: ControlPlane,
  seconds: number,
  file: string,
): Promise<void> {
  const agent = new Agent({ ca: certificateAuthority, cert: admin.certificate, key: admin.key })
  try {
    const profile = await new Promise<Buffer>((resolve, reject) => {
      const url = `${server}/debug/pprof/profile?seconds=${seconds}`
      const asked = request(url, { agent }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.once('error', reject)
        response.once('end', () => resolve(Buffer.concat(chunks)))
      })
      asked.once('error', reject)
      asked.end()
    })
    await writeFile(file, profile)
  } finally {
    agent.destroy()
  }
}
