// SPDX-License-Identifier: Apache-2.0
import type { PluggedPort, PortDriver, SwitchPort } from '../port-driver.ts'

/** A switch in memory: flows come with the port, guests when a test says so. */
export class MemoryPortDriver implements PortDriver {
  readonly name = 'memory'
  /** How often each port was plugged. */
  readonly plugs = new Map<string, number>()
  readonly #ports = new Map<string, PluggedPort>()
  readonly #refused = new Set<string>()
  readonly #listeners = new Set<(port?: Pick<PluggedPort, 'kind' | 'uid'>) => void>()

  find(kind: PluggedPort['kind'], uid: string): PluggedPort | undefined {
    return this.#ports.get(`${kind}/${uid}`)
  }

  list(): PluggedPort[] {
    return [...this.#ports.values()]
  }

  plug(want: SwitchPort): Promise<void> {
    const { kind, uid, device, logicalPort, instance } = want
    const special = want.type === 'vhostuser' ? { socketPath: want.socketPath, mtu: want.mtu } : {}
    const { controller, bridge } = want.controlled ?? {}
    const controlled = controller === undefined || bridge === undefined ? {} : { controlled: { controller, bridge } }
    const named = { kind, uid, device, logicalPort, ...controlled, ...(instance === '' ? {} : { instance }) }
    const state = this.#refused.has(uid)
      ? { installed: false, error: 'cannot be opened' }
      : { installed: !want.controlled }
    this.plugs.set(uid, (this.plugs.get(uid) ?? 0) + 1)
    for (const held of this.list()) if (held.device === device) this.#ports.delete(`${held.kind}/${held.uid}`)
    this.put({ ...named, ...special, ...state, linkUp: false })
    return Promise.resolve()
  }

  unplug(kind: PluggedPort['kind'], uid: string): Promise<void> {
    if (this.#ports.delete(`${kind}/${uid}`)) this.#tell({ kind, uid })
    return Promise.resolve()
  }

  waitUntil(
    kind: PluggedPort['kind'],
    uid: string,
    accept: (port: PluggedPort) => boolean,
    signal: AbortSignal,
  ): Promise<PluggedPort> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const port = this.find(kind, uid)
        if (!port || (!accept(port) && port.error === undefined)) return
        stop()
        resolve(port)
      }
      const stop = this.onChange(look)
      signal.addEventListener('abort', () => {
        stop()
        reject(signal.reason as Error)
      })
      look()
    })
  }

  onChange(listener: (port?: Pick<PluggedPort, 'kind' | 'uid'>) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** From now on the switch cannot open what is plugged for this uid. */
  refuse(uid: string): void {
    this.#refused.add(uid)
  }

  /** Sets what the switch reports about a port from now on. */
  say(uid: string, more: Partial<PluggedPort>): void {
    const port = this.find('port', uid)
    if (!port) throw new Error(`no port ${uid}`)
    this.put({ ...port, ...more })
  }

  /** In place of what is plugged under this uid. */
  put(port: PluggedPort): void {
    this.#ports.set(`${port.kind}/${port.uid}`, port)
    this.#tell(port)
  }

  #tell({ kind, uid }: Pick<PluggedPort, 'kind' | 'uid'>): void {
    for (const listener of [...this.#listeners]) listener({ kind, uid })
  }
}
