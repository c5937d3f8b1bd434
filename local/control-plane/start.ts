// SPDX-License-Identifier: Apache-2.0
// A real Kubernetes control plane: etcd and kube-apiserver (RBAC and Node authorization, real admission), optionally the
// controller-manager. The local cloud starts one that stays; an integration test starts its own:
//
//   import { startControlPlane, type ControlPlane } from '<…>/local/control-plane/start.ts'
//   let plane: ControlPlane
//   beforeAll(async () => { plane = await startControlPlane({ controllerManager: false }) }, 60_000)
//   afterAll(() => plane.stop())
//   // plane.kubeconfigPath: administrator; plane.server, plane.certificateAuthority, plane.admin (certificate, key): the same
//   // for one's own client; await plane.kubectl(['apply', '-f', 'crds/']); plane.token('namespace', 'serviceaccount') gives a
//   // bearer token of a service account; plane.processes.apiserver.pid to kill, plane.restart('apiserver') to start it again.
//
// Without `dir` everything is in a new folder under the system's temporary one, removed by stop(). Ready in about 3 s.
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { Agent, request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exec } from '../../lib/exec.ts'
import { programPath } from '../build/programs.ts'
import { freePorts } from '../host/free-port.ts'
import { endProcess, isRunning, startProcess, type StartedProcess } from '../host/process.ts'
import { waitUntil } from '../host/wait.ts'
import type { Authority, KeyPairPem } from './authority.ts'
import { ensureFiles } from './files.ts'
import { apiserverArguments, controllerManagerArguments, etcdArguments, LOOPBACK, storeDir } from './programs.ts'

export const CONTROL_PLANE_PROCESSES = ['etcd', 'apiserver', 'controller-manager'] as const
export type ControlPlaneProcess = (typeof CONTROL_PLANE_PROCESSES)[number]

export interface ControlPlanePorts {
  etcdClient: number
  etcdPeer: number
  apiserver: number
  controllerManager: number
}

export interface ControlPlaneOptions {
  /** State, keys and logs; a second start on the same folder and ports finds its objects again. Default: temporary. */
  dir?: string
  ports?: ControlPlanePorts
  /** Garbage collection, namespaces, service accounts. Default true; false saves its start and 80 MB. */
  controllerManager?: boolean
  auditLog?: boolean
  /** Of the apiserver, at /debug/pprof. Default false. */
  profiling?: boolean
  /** GOGC of its processes. Default 50: a fifth less memory for some of the CPU, the right trade on a developer's machine. */
  gogc?: number
  /** False: processes go on when this one ends. Default true. */
  endsWithUs?: boolean
  serviceCidr?: string
  /** For nodes with kubelets: an address of the host that nodes reach, and all controllers. Default: loopback, and few. */
  forKubelets?: { address: string; apiserverNames: readonly string[] }
  /** Processes that an earlier start left running are kept. */
  running?: Partial<Record<ControlPlaneProcess, StartedProcess>>
  /** Called as soon as a process was started, so that it can be recorded before anything else happens. */
  onStarted?: (name: ControlPlaneProcess, process: StartedProcess) => void
  signal?: AbortSignal
}

export interface ControlPlane {
  dir: string
  /** `https://127.0.0.1:PORT` */
  server: string
  certificateAuthority: string
  authority: Authority
  admin: KeyPairPem
  kubeconfigPath: string
  processes: Partial<Record<ControlPlaneProcess, StartedProcess>>
  /** Runs kubectl as administrator; resolves to its output. */
  kubectl(args: readonly string[], options?: { input?: string; timeoutMs?: number }): Promise<string>
  /** A bearer token of a service account (TokenRequest through kubectl). */
  token(
    namespace: string,
    serviceAccount: string,
    options?: { audience?: string; durationSeconds?: number },
  ): Promise<string>
  /** Starts one process again; ends it first when it runs. Returns when it answers. */
  restart(name: ControlPlaneProcess): Promise<void>
  /** Copies what is stored into a new folder, as a backup; etcd is away for a moment. */
  copyStore(to: string): Promise<void>
  /** Puts such a copy in place of what is stored, as after a disaster; etcd and the apiserver start anew. */
  replaceStore(from: string): Promise<void>
  /** Ends all; removes the folder when it was temporary. */
  stop(): Promise<void>
}

export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'nephele-control-plane-')))
  const ports = options.ports ?? (await choosePorts())
  const { address = LOOPBACK, apiserverNames = [] } = options.forKubelets ?? {}
  const server = `https://${address}:${ports.apiserver}`
  const { authority, admin } = await ensureFiles(dir, server, apiserverNames)
  const kubeconfigPath = join(dir, 'admin.kubeconfig')
  const processes: ControlPlane['processes'] = { ...options.running }
  const { signal } = options

  const start = async (name: ControlPlaneProcess): Promise<void> => {
    const { argv, env } = await controlPlaneCommand(name, { ...options, dir, ports })
    const started = await startProcess({
      name,
      argv,
      env,
      logFile: join(dir, 'log', `${name}.log`),
      endsWithUs: options.endsWithUs ?? true,
    })
    processes[name] = started
    options.onStarted?.(name, started)
  }
  const ensureStarted = async (name: ControlPlaneProcess) => {
    const running = processes[name]
    if (!running || !isRunning(running)) await start(name)
  }
  const ready = () => waitForApiserver({ server, authority, admin, process: processes.apiserver, signal })

  const plane: ControlPlane = {
    dir,
    server,
    certificateAuthority: authority.certificate,
    authority,
    admin,
    kubeconfigPath,
    processes,
    kubectl: async (args, o = {}) => {
      const argv = [await programPath('kubectl'), '--kubeconfig', kubeconfigPath, ...args] as const
      return (
        await exec(argv, { timeoutMs: o.timeoutMs ?? 60_000, ...(o.input === undefined ? {} : { input: o.input }) })
      ).stdout
    },
    token: async (namespace, serviceAccount, o = {}) => {
      const args = ['-n', namespace, 'create', 'token', serviceAccount, `--duration=${o.durationSeconds ?? 3600}s`]
      return (await plane.kubectl(o.audience ? [...args, `--audience=${o.audience}`] : args)).trim()
    },
    restart: async (name) => {
      const running = processes[name]
      // An apiserver that is asked to end waits for its watchers for a minute.
      if (running) await endProcess(running, 500)
      await start(name)
      if (name !== 'controller-manager') await ready()
    },
    copyStore: async (to) => {
      if (processes.etcd) await endProcess(processes.etcd)
      await cp(storeDir(dir), to, { recursive: true, errorOnExist: true })
      await plane.restart('etcd')
    },
    replaceStore: async (from) => {
      if (processes.apiserver) await endProcess(processes.apiserver, 0)
      if (processes.etcd) await endProcess(processes.etcd)
      await rm(storeDir(dir), { recursive: true, force: true })
      await cp(from, storeDir(dir), { recursive: true })
      await start('etcd')
      await plane.restart('apiserver')
    },
    stop: async () => {
      // The apiserver first: it would wait for an etcd that is gone.
      for (const name of ['controller-manager', 'apiserver', 'etcd'] as const) {
        const running = processes[name]
        if (running) await endProcess(running, name === 'apiserver' ? 0 : 3000)
      }
      if (options.dir === undefined) await rm(dir, { recursive: true, force: true })
    },
  }
  try {
    await ensureStarted('etcd')
    await ensureStarted('apiserver')
    await ready()
    if (options.controllerManager ?? true) await ensureStarted('controller-manager')
    return plane
  } catch (error) {
    // What was recorded elsewhere is left for its owner to inspect and end.
    if (options.onStarted === undefined) await plane.stop()
    throw error
  }
}

export async function choosePorts(): Promise<ControlPlanePorts> {
  const [etcdClient = 0, etcdPeer = 0, apiserver = 0, controllerManager = 0] = await freePorts(4)
  return { etcdClient, etcdPeer, apiserver, controllerManager }
}

/** What is run for one of the processes; its files (files.ts) must exist. */
export async function controlPlaneCommand(
  name: ControlPlaneProcess,
  options: ControlPlaneOptions & { dir: string; ports: ControlPlanePorts },
): Promise<{ argv: [string, ...string[]]; env: NodeJS.ProcessEnv }> {
  const { dir, ports, serviceCidr = '10.96.0.0/16', auditLog = false, profiling = false, gogc = 50 } = options
  const env = { ...process.env, GOGC: String(gogc) }
  switch (name) {
    case 'etcd': {
      const args = etcdArguments({ dir, clientPort: ports.etcdClient, peerPort: ports.etcdPeer })
      return { argv: [await programPath('etcd'), ...args], env }
    }
    case 'apiserver': {
      const args = apiserverArguments({
        dir,
        port: ports.apiserver,
        etcdPort: ports.etcdClient,
        serviceCidr,
        auditLog,
        profiling,
        address: options.forKubelets?.address ?? LOOPBACK,
      })
      return { argv: [await programPath('kube-apiserver'), ...args], env }
    }
    case 'controller-manager': {
      const kubelets = options.forKubelets !== undefined
      const args = controllerManagerArguments({ dir, port: ports.controllerManager, kubelets })
      const program = kubelets ? 'kube-controller-manager' : 'controllers'
      return { argv: [await programPath(program), ...args], env }
    }
  }
}

/** Returns when the apiserver says that it is ready and etcd answers it. @throws as soon as `process` has ended */
export async function waitForControlPlane(
  options: { dir: string; ports: ControlPlanePorts },
  process: StartedProcess,
): Promise<void> {
  const server = `https://127.0.0.1:${options.ports.apiserver}`
  const { authority, admin } = await ensureFiles(options.dir, server)
  await waitForApiserver({ server, authority, admin, process, signal: undefined })
}

interface ReadyOptions {
  server: string
  authority: Authority
  admin: KeyPairPem
  process: StartedProcess | undefined
  signal: AbortSignal | undefined
}

async function waitForApiserver({ server, authority, admin, process, signal }: ReadyOptions): Promise<void> {
  const agent = new Agent({ ca: authority.certificate, cert: admin.certificate, key: admin.key, keepAlive: true })
  try {
    // The second read goes to etcd each time; /readyz may still answer from before etcd was killed.
    const paths = ['/readyz', '/api/v1/namespaces/kube-system']
    const check = async (s: AbortSignal) => {
      for (const path of paths) if ((await statusOf(server + path, agent, s)) !== 200) return false
      return true
    }
    await waitUntil('kube-apiserver to be ready', check, {
      timeoutMs: 60_000,
      everyMs: 50,
      ...(process ? { process } : {}),
      ...(signal ? { signal } : {}),
    })
  } finally {
    agent.destroy()
  }
}

function statusOf(url: string, agent: Agent, signal: AbortSignal): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(url, { agent, signal, timeout: 2000 }, (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode))
    })
    request.once('timeout', () => request.destroy(new Error('no answer')))
    request.once('error', reject)
    request.end()
  })
}
