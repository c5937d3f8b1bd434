// SPDX-License-Identifier: Apache-2.0
import { ExecError } from '../../../lib/exec.ts'
import { tapName } from '../../compute/paths.ts'
import type { TestNode } from './cluster.ts'

/**
 * A namespace on the node that stands for a guest with this port: it is behind a veth whose outer end has the name of the port's tap, and so
 * to the switch and OVN it is one.
 */
export class Workload {
  readonly host: TestNode
  readonly portUid: string
  readonly mac: string
  readonly #name: string

  constructor(host: TestNode, portUid: string, mac: string) {
    this.host = host
    this.portUid = portUid
    this.mac = mac
    this.#name = `guest-${portUid}`
  }

  /** What a hypervisor does at each start: the device is new, the guest's memory is not. */
  async plugIn(): Promise<void> {
    const tap = tapName(this.portUid)
    await this.host.run('ip', 'netns', 'add', this.#name).catch(() => undefined)
    await this.host.run(
      'ip',
      'link',
      'add',
      tap,
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      this.#name,
      'address',
      this.mac,
    )
    await this.run('ethtool', '-K', 'eth0', 'tx', 'off')
    await this.host.run('ip', '-n', this.#name, 'link', 'set', 'eth0', 'up')
    await this.host.run('ip', 'link', 'set', tap, 'up', 'mtu', '1442')
  }

  async unplug(): Promise<void> {
    await this.host.run('ip', 'link', 'delete', tapName(this.portUid))
  }

  run(...argv: string[]): Promise<string> {
    return this.host.run('nsenter', `--net=/run/netns/${this.#name}`, '--', ...argv)
  }

  lease(): Promise<string> {
    return this.run(
      'busybox',
      'udhcpc',
      '-i',
      'eth0',
      '-n',
      '-q',
      '-t',
      '10',
      '-T',
      '1',
      '-O',
      'mtu',
      '-O',
      'staticroutes',
      '-O',
      'hostname',
      '-s',
      '/src/agents/network/testing/dhcp-client.sh',
    )
  }

  /** True when it answers. */
  async ping(address: string, options: { size?: number; seconds?: number; from?: string } = {}): Promise<boolean> {
    const { size = 56, seconds = 1, from } = options
    const argv = [
      'ping',
      '-c',
      '1',
      '-W',
      String(seconds),
      '-M',
      'do',
      '-s',
      String(size),
      ...(from ? ['-I', from] : []),
      address,
    ]
    return this.run(...argv).then(() => true, notFailed)
  }

  async get(path: string, ...headers: string[]): Promise<string> {
    const extra = headers.flatMap((header) => ['-H', header])
    return this.run('curl', '-s', '-m', '5', '-w', '\n%{http_code}', ...extra, `http://169.254.169.254${path}`)
  }
}

function notFailed(error: unknown): boolean {
  if (error instanceof ExecError && !error.timedOut) return false
  throw error
}
