// SPDX-License-Identifier: Apache-2.0
// Two processes and a real apiserver: a leader that is stopped (SIGSTOP) and goes on after another took over writes nothing.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { startControlPlane, type ControlPlane } from '../../local/control-plane/start.ts'
import { isConflict } from '../kube/errors.ts'
import { HttpKubeClient } from '../kube/http-client.ts'
import { loadKubeConfig } from '../kube/kubeconfig.ts'
import { createTestKind } from '../loop/test-cluster.ts'
import { WIDGET, type Widget } from '../loop/test-kind.ts'
import { until } from '../time/until.ts'

const program = fileURLToPath(new URL('./test-leader.ts', import.meta.url))

interface Line {
  identity: string
  leads?: number
  lost?: number
  error?: string
}

describe('two electors against a real apiserver', () => {
  let plane: ControlPlane
  let client: HttpKubeClient
  const children: ChildProcess[] = []
  const lines: Line[] = []
  beforeAll(async () => {
    plane = await startControlPlane({ controllerManager: false })
    client = new HttpKubeClient(loadKubeConfig(plane.kubeconfigPath))
    await createTestKind(client)
    await client.create<Widget>(WIDGET, { metadata: { name: 'contested', namespace: 'default' }, spec: { size: 1 } })
  }, 60_000)
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL')
    await client.close()
    await plane.stop()
  })

  function stand(identity: string): ChildProcess {
    const child = spawn(process.execPath, [program, plane.kubeconfigPath, identity], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    children.push(child)
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line) as Line))
    return child
  }
  const leads = (identity: string) => lines.find((l) => l.identity === identity && l.leads !== undefined)?.leads
  const contested = () => client.get<Widget>(WIDGET, { namespace: 'default', name: 'contested' })

  test('a stopped leader goes on, notices, and never writes again', async () => {
    const a = stand('a')
    await until(() => leads('a') !== undefined, 'a to lead', 20_000)
    const b = stand('b')
    await until(async () => (await contested()).status?.node === 'a')
    const writers: string[] = []
    const abort = new AbortController()
    const from = await contested()
    const watching = (async () => {
      const options = { resourceVersion: from.metadata.resourceVersion, timeoutSeconds: 60, idleTimeoutMs: 70_000 }
      for await (const event of client.watch<Widget>(WIDGET, { ...options, signal: abort.signal })) {
        if (event.type === 'MODIFIED') writers.push(event.object.status?.node ?? '')
      }
    })().catch(() => undefined)

    await until(() => writers.length > 50, 'a to write on')
    a.kill('SIGSTOP')
    await until(() => leads('b') !== undefined, 'b to take over', 20_000)
    await until(async () => (await contested()).status?.node === 'b', 'b to write')
    const beforeResume = writers.length
    a.kill('SIGCONT')
    await until(() => lines.some((l) => l.identity === 'a' && l.lost === leads('a')), 'a to notice')
    await until(() => writers.length > beforeResume + 50, 'b to go on writing', 10_000)
    expect(leads('b')).toBe(leads('a')! + 1)
    const firstOfB = writers.indexOf('b')
    expect(writers.slice(0, firstOfB)).toContain('a')
    expect(writers.slice(firstOfB)).not.toContain('a')

    b.kill('SIGTERM')
    await until(
      () => lines.filter((l) => l.identity === 'a' && l.leads !== undefined).length === 2,
      'a to lead again',
      10_000,
    )
    expect(lines.at(-1)).toMatchObject({ identity: 'a', leads: leads('b')! + 1 })
    abort.abort()
    await watching
  }, 90_000)

  test("a status computed from an older object is refused: the stale leader's last resort", async () => {
    for (const child of children) child.kill('SIGKILL')
    let old = await contested()
    await until(async () => {
      old = await contested()
      try {
        return await client.updateStatus<Widget>(WIDGET, { ...old, status: { node: 'new' } })
      } catch (error) {
        // A write that they had sent may arrive after their end.
        if (isConflict(error)) return false
        throw error
      }
    })
    const late = await client.updateStatus<Widget>(WIDGET, { ...old, status: { node: 'old' } }).catch((e: unknown) => e)
    expect(isConflict(late)).toBe(true)
    expect((await contested()).status?.node).toBe('new')
  }, 20_000)
})
