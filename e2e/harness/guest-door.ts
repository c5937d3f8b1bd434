// SPDX-License-Identifier: Apache-2.0
// The way into guests: a namespace with a port on their network, and ssh, ping and http from in there.
import { KEY_FILE, openDoor, type Door } from '../../local/commands/ssh.ts'
import { ExecError, type ExecResult } from '../../lib/exec.ts'
import type { Instance } from '../../lib/api/types.ts'
import type { TestCloud } from './cloud.ts'
import { waitUntilTrue } from './wait.ts'

/** A Project is one. */
export interface DoorPlace {
  readonly test: TestCloud
  readonly namespace: string
}

export class GuestDoor {
  readonly #test: TestCloud
  readonly #door: Door

  private constructor(test: TestCloud, door: Door) {
    this.#test = test
    this.#door = door
  }

  /**
   * @param portSpec of its own Port, such as its security groups
   * @param node that it is plugged on; absent: the network node
   */
  static async open(
    { test, namespace }: DoorPlace,
    network: string | { name: string; namespace: string },
    portSpec: object = {},
    node?: string,
  ): Promise<GuestDoor> {
    const networkRef = typeof network === 'string' ? { name: network } : network
    return new GuestDoor(test, await openDoor(test.cloud, namespace, networkRef, portSpec, node))
  }

  get address(): string {
    return this.#door.address
  }

  /** Name of its Port. */
  get port(): string {
    return this.#door.netns
  }

  /** Gives its interface another address, or takes it again: what a guest that lies about itself would do. */
  async alias(action: 'add' | 'del', cidr: string): Promise<void> {
    const names = (await this.within(['ls', '/sys/class/net'])).stdout.split('\n')
    await this.within(['ip', 'address', action, cidr, 'dev', names.find((n) => n !== 'lo' && n !== '') ?? ''])
  }

  /** Runs a program in the namespace. @throws ExecError */
  within(argv: readonly string[], timeoutMs = 30_000): Promise<ExecResult> {
    return this.#test.cloud.exec(this.#door.node, ['ip', 'netns', 'exec', this.#door.netns, ...argv], { timeoutMs })
  }

  /** One line of shell in the guest, as root by the key of `Project.createDoorKey`; waits until the guest takes connections. */
  async ssh(guest: Instance | string, script: string, timeoutMs = 90_000): Promise<string> {
    const address = typeof guest === 'string' ? guest : addressOf(guest)
    const options = [
      'StrictHostKeyChecking=no', // the guest makes its host key at each boot
      'UserKnownHostsFile=/dev/null',
      'LogLevel=ERROR',
      'ConnectTimeout=10',
      'BatchMode=yes',
    ].flatMap((option) => ['-o', option])
    const argv = ['ssh', '-i', KEY_FILE, ...options, '-l', 'root', '--', address, script]
    const result = await waitUntilTrue(
      `ssh to ${address}: ${script}`,
      async () => {
        try {
          return await this.within(argv, 60_000)
        } catch (error) {
          // 255 is ssh's own: the guest is not up yet. Anything else is the script's, and final.
          if (!(error instanceof ExecError)) throw error
          if (error.exitCode === 255) throw error
          return error
        }
      },
      timeoutMs,
    )
    if (result instanceof ExecError) throw new Error(`in the guest: ${script}`, { cause: result })
    return result.stdout.trim()
  }

  /** Is the guest reached by ping? One packet a second, at most `attempts`. */
  async pings(address: string, attempts = 3): Promise<boolean> {
    for (let i = 0; i < attempts; i++) {
      try {
        await this.within(['ping', '-c', '1', '-W', '1', address], 10_000)
        return true
      } catch (error) {
        if (!(error instanceof ExecError)) throw error
      }
    }
    return false
  }

  /** Body of http://address/path, or undefined when nothing comes. */
  async fetch(address: string, path = ''): Promise<string | undefined> {
    try {
      const argv = ['curl', '--silent', '--fail', '--max-time', '5', `http://${address}/${path}`]
      return (await this.within(argv, 15_000)).stdout.trim()
    } catch (error) {
      if (error instanceof ExecError) return undefined
      throw error
    }
  }

  close(): Promise<void> {
    return this.#door.close()
  }
}

export function addressOf(instance: Instance): string {
  const address = instance.status?.addresses?.[0]?.ipAddress
  if (address === undefined) throw new Error(`Instance ${instance.metadata.name} has no address`)
  return address
}
