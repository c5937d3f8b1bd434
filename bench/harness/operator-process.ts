// SPDX-License-Identifier: Apache-2.0
// The operator as its own process, bundled and configured as the local cloud does it, with the account that the chart gives it.
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestServer } from '../../lib/nats/test-server.ts'
import { buildProcesses } from '../../scripts/build.ts'
import type { Api } from '../../local/control-plane/api.ts'
import { OPERATOR_FLAGS } from '../../local/cloud/processes.ts'
import { kubeconfig } from '../../local/control-plane/kubeconfig.ts'
import type { ControlPlane } from '../../local/control-plane/start.ts'
import { freePorts } from '../../local/host/free-port.ts'
import { endProcess, isRunning, startProcess, type StartedProcess } from '../../local/host/process.ts'
import { logTail, waitUntil } from '../../local/host/wait.ts'
import { NAMESPACE, renewToken } from '../../local/services/tokens.ts'

export interface OperatorProcessOptions {
  dir: string
  plane: ControlPlane
  api: Api
  nats: TestServer
  /** Socket of OVN's northbound database. */
  northbound: string | undefined
  flags: readonly string[]
  /** In the Lease. Default: bench. */
  identity?: string
}

const READY_MS = 180_000
let built: Promise<void> | undefined

export class OperatorProcess {
  readonly #process: StartedProcess
  readonly #port: number
  #isEnded = false

  private constructor(process: StartedProcess, port: number) {
    this.#process = process
    this.#port = port
  }

  /** Resolves when it is ready. */
  static async start(options: OperatorProcessOptions): Promise<OperatorProcess> {
    const { dir, plane, api, nats, northbound, flags, identity = 'bench' } = options
    await (built ??= buildProcesses(['operator']))
    const tokenFile = join(dir, identity, 'token')
    await renewToken(api, { serviceAccount: 'nephele-operator', path: tokenFile })
    const config = join(dir, identity, 'kubeconfig')
    const { server, certificateAuthority } = plane
    await writeFile(config, kubeconfig({ server, certificateAuthority, user: { tokenFile } }))
    const [port = 0] = await freePorts(1)
    const bundle = join(import.meta.dirname, '..', '..', 'dist', 'operator.mjs')
    const started = await startProcess({
      name: 'operator',
      argv: [process.execPath, ...OPERATOR_FLAGS, ...flags, bundle],
      env: {
        ...{ PATH: process.env['PATH'], LOG_LEVEL: process.env['BENCH_LOG'] ?? 'warn' },
        ...{ KUBECONFIG: config, NEPHELE_IDENTITY: identity, NEPHELE_NAMESPACE: NAMESPACE },
        NEPHELE_NATS_SERVERS: nats.address.servers.join(','),
        ...{ NEPHELE_NATS_CA_FILE: nats.address.caFile, NEPHELE_NATS_KEYS_DIR: await nats.writeSeeds() },
        NEPHELE_HTTP_ADDRESS: `127.0.0.1:${port}`,
        ...(northbound === undefined
          ? {}
          : { NEPHELE_OVN_NB: `unix:${northbound}`, NEPHELE_OVN_SB: `unix:${northbound}` }),
      },
      logFile: join(dir, `${identity}.log`),
      endsWithUs: true,
    })
    const operator = new OperatorProcess(started, port)
    const isReady = async (signal: AbortSignal) => (await fetch(`${operator.url}/readyz`, { signal })).ok
    await waitUntil('the operator', isReady, { timeoutMs: READY_MS, process: started })
    return operator
  }

  /** It ended by itself. */
  get hasFailed(): boolean {
    return !this.#isEnded && !isRunning(this.#process)
  }

  get pid(): number {
    return this.#process.pid
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  async metrics(): Promise<string> {
    return (await fetch(`${this.url}/metrics`, { signal: AbortSignal.timeout(READY_MS) })).text()
  }

  /** Accepted writes since its start, by verb and resource. */
  async countWrites(): Promise<Map<string, number>> {
    const page = await this.metrics()
    const lines = page.matchAll(/^nephele_api_writes_total\{verb="(\w+)",resource="([^"]+)"\} (\d+)$/gm)
    return new Map([...lines].map(([, verb, resource, count]) => [`${verb} ${resource}`, Number(count)]))
  }

  /** What it logged; the level by BENCH_LOG. */
  log(): string {
    return readFileSync(this.#process.logFile, 'utf8')
  }

  logTail(): string {
    return logTail(this.#process.logFile)
  }

  /** As a cluster ends it, so that Node writes its profile. */
  async stop(): Promise<void> {
    this.#isEnded = true
    await endProcess(this.#process, 30_000)
  }

  /** As a node that loses its power. */
  async kill(): Promise<void> {
    this.#isEnded = true
    await endProcess(this.#process, 0)
  }
}
