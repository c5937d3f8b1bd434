// SPDX-License-Identifier: Apache-2.0
// A cloud that is up, for commands and for end-to-end tests: `const cloud = await openCloud('default')`, then kubectl in it, run
// programs in its nodes, kill and start again any of its processes, reboot a node.
import { rm } from 'node:fs/promises'
import { exec, type ExecOptions, type ExecResult } from '../../lib/exec.ts'
import { programPath } from '../build/programs.ts'
import { createApi, type Api } from '../control-plane/api.ts'
import {
  CONTROL_PLANE_PROCESSES,
  controlPlaneCommand,
  waitForControlPlane,
  type ControlPlaneProcess,
} from '../control-plane/start.ts'
import { restoreSnapshot, saveSnapshot } from '../control-plane/store-snapshot.ts'
import { endProcess, isRunning, startProcess, type ProcessId } from '../host/process.ts'
import { waitForPort } from '../host/wait.ts'
import * as daemons from '../node/daemons.ts'
import { execInNode, startNode, stopNode, waitForNode, type RunningNode, type ServiceName } from '../node/node.ts'
import { waitForAdmission } from './admission.ts'
import { addressesOf } from './definition.ts'
import { IMAGE_PORT, layoutOf, NATS_PORT, type Layout } from './layout.ts'
import { nodeOptions } from './nodes.ts'
import { hostCommand, type HostProcessName } from './processes.ts'
import { findState, saveState, stateDirOf, type CloudState } from './state.ts'

export type CloudProcess = ControlPlaneProcess | HostProcessName

/** @throws when no such cloud is up */
export function openCloud(name = 'default'): Cloud {
  const dir = stateDirOf(name)
  const state = findState(dir)
  if (!state) throw new Error(`there is no cloud "${name}": npm run cloud -- up`)
  return new Cloud(dir, state)
}

export class Cloud {
  readonly layout: Layout
  readonly state: CloudState

  constructor(dir: string, state: CloudState) {
    this.layout = layoutOf(dir)
    this.state = state
  }

  get kubeconfigPath(): string {
    return this.layout.adminKubeconfig
  }

  save(): void {
    saveState(this.layout.dir, this.state)
  }

  /** Runs kubectl as the administrator. @throws ExecError */
  async kubectl(args: readonly string[], options: { input?: string; timeoutMs?: number } = {}): Promise<string> {
    const argv = [await programPath('kubectl'), '--kubeconfig', this.kubeconfigPath, ...args] as const
    const { input } = options
    return (await exec(argv, { timeoutMs: options.timeoutMs ?? 60_000, ...(input === undefined ? {} : { input }) }))
      .stdout
  }

  node(name: string): RunningNode {
    const node = this.state.nodes[name]
    if (!node) throw new Error(`no node "${name}" in this cloud; it has ${Object.keys(this.state.nodes).join(', ')}`)
    return node
  }

  exec(node: string, argv: readonly string[], options: ExecOptions = { timeoutMs: 30_000 }): Promise<ExecResult> {
    return execInNode(this.node(node), argv, options)
  }

  /** A daemon of a node, as the host's process table has it. */
  findDaemon(node: string, service: ServiceName): ProcessId | undefined {
    return daemons.findDaemon(this.node(node), service)
  }

  /** Kills it; the node starts it again. */
  restartDaemon(node: string, service: ServiceName, signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<ProcessId> {
    return daemons.restartDaemon(this.node(node), service, signal)
  }

  stopDaemon(node: string, service: ServiceName, signal: 'SIGKILL' | 'SIGTERM' = 'SIGTERM'): Promise<void> {
    return daemons.stopDaemon(this.node(node), service, signal)
  }

  startDaemon(node: string, service: ServiceName): Promise<ProcessId> {
    return daemons.startDaemon(this.node(node), service)
  }

  /** Ends everything in a node, guests too, and starts it again on the same disk with another boot id. */
  async rebootNode(name: string): Promise<void> {
    await stopNode(this.node(name))
    await this.startNode(name)
    await waitForNode(this.node(name))
  }

  /** Ends a node as a power cut would; startNode brings it back. */
  stopNode(name: string): Promise<void> {
    return stopNode(this.node(name))
  }

  async startNode(name: string): Promise<void> {
    this.state.nodes[name] = await startNode(await nodeOptions(this.layout, this.state, name))
    this.save()
  }

  /** A host process while it runs. */
  findProcess(name: CloudProcess): ProcessId | undefined {
    const known = this.state.processes[name]
    return known && isRunning(known) ? known : undefined
  }

  /** Starts a host process unless it runs. */
  async startProcess(name: CloudProcess): Promise<void> {
    if (this.findProcess(name)) return
    const command = isControlPlane(name)
      ? await controlPlaneCommand(name, this.controlPlaneOptions())
      : hostCommand(name, {
          layout: this.layout,
          subnet: this.state.subnet,
          natsServer: name === 'nats' ? await programPath('nats-server') : '',
        })
    const logFile = isControlPlane(name) ? controlPlaneLog(this.layout, name) : this.layout.log(name)
    const started = await startProcess({
      name,
      argv: command.argv,
      env: command.env,
      logFile,
      endsWithUs: false,
    })
    this.state.processes[name] = started
    this.save()
    if (name === 'etcd' || name === 'apiserver') await waitForControlPlane(this.controlPlaneOptions(), started)
    if (name === 'apiserver') await this.withApi(waitForAdmission)
    const port = name === 'nats' ? NATS_PORT : name === 'caretaker' ? IMAGE_PORT : undefined
    const { host } = addressesOf(this.state.subnet)
    if (port !== undefined) await waitForPort(name, host, port, { timeoutMs: 15_000, everyMs: 10, process: started })
  }

  /** Ends a host process; ended already is success. */
  async stopProcess(name: CloudProcess, graceMs = 0): Promise<void> {
    const known = this.state.processes[name]
    if (known) await endProcess(known, graceMs)
  }

  /** Kills a host process and starts it again; the result is the new one. */
  async restartProcess(name: CloudProcess): Promise<ProcessId> {
    await this.stopProcess(name)
    await this.startProcess(name)
    const started = this.state.processes[name]
    if (!started) throw new Error(`${name} did not start`)
    return started
  }

  /** NATS comes back without anything it ever stored. */
  async wipeNats(): Promise<void> {
    await this.stopProcess('nats')
    await rm(this.layout.natsStore, { recursive: true, force: true })
    await this.startProcess('nats')
  }

  /** Saves the control plane's store into a new file, while all runs. */
  saveStore(file: string): Promise<void> {
    return saveSnapshot(this.controlPlaneOptions(), file)
  }

  /** The store is lost and comes back as it was saved; the rest of the cloud lives through it. */
  async restoreStore(file: string): Promise<void> {
    for (const name of ['controller-manager', 'apiserver', 'etcd'] as const) await this.stopProcess(name)
    await restoreSnapshot(this.controlPlaneOptions(), file)
    // At once, since each waits until both answer.
    await Promise.all([this.startProcess('etcd'), this.startProcess('apiserver')])
    await this.startProcess('controller-manager')
  }

  get server(): string {
    return `https://127.0.0.1:${this.state.ports.apiserver}`
  }

  /** As the cloud's administrator. */
  async withApi<T>(use: (api: Api) => Promise<T>): Promise<T> {
    const api = createApi(this.layout.controlPlane, this.server)
    try {
      return await use(api)
    } finally {
      api.close()
    }
  }

  controlPlaneOptions() {
    return { dir: this.layout.controlPlane, ports: this.state.ports, auditLog: this.state.auditLog ?? false }
  }
}

function controlPlaneLog(layout: Layout, name: string): string {
  return `${layout.controlPlane}/log/${name}.log`
}

function isControlPlane(name: CloudProcess): name is ControlPlaneProcess {
  return (CONTROL_PLANE_PROCESSES as readonly string[]).includes(name)
}
