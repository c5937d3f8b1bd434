// SPDX-License-Identifier: Apache-2.0
import { TerminalError, TransientError } from '../../../../lib/errors.ts'
import { isNoDomain, type DomainRef } from '../../../../lib/libvirt/error.ts'
import type { ComputePaths } from '../../paths.ts'
import type { BackendInstance } from '../../instance-driver.ts'
import type { LibvirtConnections } from './connections.ts'
import { rootDiskPath } from './disk-paths.ts'
import { readQcow2Size } from './disk-size.ts'
import { uidOfDomainName } from './domain-name.ts'
import type { DomainPower } from './domain-power.ts'
import { findDomain, readDomain, toBackendInstance, type FoundDomain } from './domains.ts'
import type { ShutdownCauses } from './shutdown-causes.ts'

export interface FinderOptions {
  connections: LibvirtConnections
  paths: ComputePaths
  power: Pick<DomainPower, 'startLimitMs'>
  causes: Pick<ShutdownCauses, 'refine'>
}

/** Finds a machine's domain and reads its state. */
export class MachineFinder {
  readonly #options: FinderOptions

  constructor(options: FinderOptions) {
    this.#options = options
  }

  /** @throws TerminalError for a domain that has the machine's UUID but not our mark: we cannot know whose it is */
  async find(uid: string, signal: AbortSignal): Promise<FoundDomain | undefined> {
    const { quick } = this.#options.connections
    const ref = await findDomain(quick, uid, signal)
    if (!ref) return undefined
    const found = await unlessGone(readDomain(quick, ref, signal))
    if (!found) return undefined
    if ((found.mark?.uid ?? uidOfDomainName(ref.name)) === uid) {
      return { ...found, offReason: this.#options.causes.refine(uid, found.offReason) }
    }
    throw new TerminalError('ForeignDomain', `a domain that is not ours has the UUID of this machine: ${ref.name}`)
  }

  /** @throws TransientError `DomainMissing` */
  async get(uid: string, signal: AbortSignal): Promise<FoundDomain> {
    const found = await this.find(uid, signal)
    if (!found) throw new TransientError('DomainMissing', 'the machine is not defined in libvirt')
    return found
  }

  async getRef(uid: string, signal: AbortSignal): Promise<DomainRef> {
    return (await this.get(uid, signal)).ref
  }

  /** In the driver's terms. */
  async look(uid: string, signal: AbortSignal): Promise<BackendInstance | undefined> {
    const found = await this.find(uid, signal)
    return found && unlessGone(this.#tell(uid, found, signal))
  }

  async #tell(uid: string, found: FoundDomain, signal: AbortSignal): Promise<BackendInstance> {
    const instance = await toBackendInstance(this.#options.connections, uid, found, signal)
    const rootBytes = await readQcow2Size(rootDiskPath(this.#options.paths, uid, instance.rootDisk ?? 0))
    const startLimitMs = found.starting && (await this.#options.power.startLimitMs(found))
    return {
      ...instance,
      ...(rootBytes === undefined ? {} : { rootBytes }),
      ...(startLimitMs === undefined ? {} : { startLimitMs }),
    }
  }

  /** Of a machine that was there a moment ago. */
  async lookAgain(uid: string, signal: AbortSignal): Promise<BackendInstance> {
    const after = await this.look(uid, signal)
    if (!after) throw new TransientError('DomainVanished', 'the machine disappeared from libvirt while it was set up')
    return after
  }
}

/** Undefined when the domain disappeared between two calls: somebody else is removing it. */
async function unlessGone<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading
  } catch (error) {
    if (isNoDomain(error)) return undefined
    throw error
  }
}
