// SPDX-License-Identifier: Apache-2.0
// A real nats-server for tests: TLS, accounts and auth call-out exactly as lib/nats/server-config.ts makes them.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { programPath } from '../../local/build/programs.ts'
import { freePorts } from '../../local/host/free-port.ts'
import { OPERATOR_INBOX, SYSTEM_INBOX } from '../contract/subjects.ts'
import { createLogger } from '../log.ts'
import { createAuthority, loadAuthority, signKey } from '../pki/authority.ts'
import { createPrivateKey, publicKeyOf } from '../pki/key.ts'
import { connectBus, type BusAddress, type NatsConnection } from './connect.ts'
import { createAccountKey, createUserKey, type Nkey } from './nkey.ts'
import { toServerConfig } from './server-config.ts'

export class TestServer implements AsyncDisposable {
  readonly dir: string
  readonly address: BusAddress
  readonly issuer: Nkey
  readonly #port: number
  readonly #callout: Nkey
  readonly #operator: Nkey
  readonly #system: Nkey
  readonly #connections: NatsConnection[] = []
  #process: ChildProcess | undefined

  private constructor(dir: string, port: number) {
    this.dir = dir
    this.#port = port
    this.address = { servers: [`localhost:${port}`], caFile: join(dir, 'ca.crt') }
    this.issuer = createAccountKey()
    this.#callout = createUserKey()
    this.#operator = createUserKey()
    this.#system = createUserKey()
  }

  static async start(): Promise<TestServer> {
    const dir = await mkdtemp(join(tmpdir(), 'nephele-nats-'))
    const [port = 0] = await freePorts(1)
    const server = new TestServer(dir, port)
    await server.#writeFiles()
    await server.run()
    return server
  }

  async #writeFiles(): Promise<void> {
    const now = new Date()
    const files = await createAuthority('test authority', 1, now)
    const authority = await loadAuthority(files)
    const key = await createPrivateKey()
    const subject = { commonName: 'nats', names: ['localhost', '127.0.0.1'] }
    const path = (name: string) => join(this.dir, name)
    await writeFile(path('ca.crt'), files.certificate)
    await writeFile(path('server.key'), key, { mode: 0o600 })
    await writeFile(path('server.crt'), await signKey(publicKeyOf(key), subject, { authority, days: 1, now }))
    const config = toServerConfig({
      serverName: 'test',
      listen: `127.0.0.1:${this.#port}`,
      storeDir: path('store'),
      maxFileBytes: 2 * 1024 ** 3,
      maxMemoryBytes: 64 * 1024 ** 2,
      tls: { certFile: path('server.crt'), keyFile: path('server.key'), caFile: path('ca.crt') },
      issuerPublicKey: this.issuer.publicKey,
      calloutPublicKey: this.#callout.publicKey,
      operatorPublicKey: this.#operator.publicKey,
      systemPublicKey: this.#system.publicKey,
      logFile: path('log'),
    })
    await writeFile(path('server.conf'), config)
  }

  /** Into a folder, as an operator of its own process reads them. @returns the folder */
  async writeSeeds(): Promise<string> {
    const dir = join(this.dir, 'keys')
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const keys = { issuer: this.issuer, callout: this.#callout, operator: this.#operator, system: this.#system }
    for (const [name, { seed }] of Object.entries(keys))
      await writeFile(join(dir, `${name}.seed`), seed, { mode: 0o600 })
    return dir
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** Starts the server and waits until it accepts connections. */
  async run(): Promise<void> {
    await mkdir(join(this.dir, 'store'), { recursive: true })
    const program = await programPath('nats-server')
    const child = spawn(program, ['-c', join(this.dir, 'server.conf')], { stdio: 'ignore' })
    this.#process = child
    for (let tries = 0; tries < 200; tries++) {
      if (child.exitCode !== null) throw new Error(`nats-server ended: ${await this.log()}`)
      if ((await this.log()).includes('Server is ready')) return
      await delay(25)
    }
    throw new Error(`nats-server is not ready: ${await this.log()}`)
  }

  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (!child || child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
    await rm(join(this.dir, 'log'), { force: true })
  }

  /** Killed, its store removed, started again. */
  async wipe(): Promise<void> {
    await this.kill()
    await rm(join(this.dir, 'store'), { recursive: true, force: true })
    await this.run()
  }

  log(): Promise<string> {
    return readFile(join(this.dir, 'log'), 'utf8').catch(() => '')
  }

  connectOperator(): Promise<NatsConnection> {
    return this.#connect({ seed: this.#operator.seed }, 'operator', OPERATOR_INBOX)
  }

  connectSystem(): Promise<NatsConnection> {
    return this.#connect({ seed: this.#system.seed }, 'system', SYSTEM_INBOX)
  }

  connectCallOut(): Promise<NatsConnection> {
    return this.#connect({ seed: this.#callout.seed }, 'call-out', '_INBOX')
  }

  connectWithTokenFile(tokenFile: string, name: string, inboxPrefix: string): Promise<NatsConnection> {
    return this.#connect({ tokenFile }, name, inboxPrefix)
  }

  async #connect(
    credentials: { seed: string } | { tokenFile: string },
    name: string,
    inbox: string,
  ): Promise<NatsConnection> {
    const log = createLogger(name, process.env['LOG_LEVEL'] ?? 'silent')
    const nc = await connectBus({ address: this.address, credentials, name, inboxPrefix: inbox, log })
    this.#connections.push(nc)
    return nc
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#connections.map((nc) => nc.close()))
    await this.kill()
    await rm(this.dir, { recursive: true, force: true })
  }
}
