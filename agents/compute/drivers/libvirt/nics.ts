// SPDX-License-Identifier: Apache-2.0
import type { ObservedNic } from '../../../../lib/contract/documents.ts'
import { TransientError } from '../../../../lib/errors.ts'
import { Affect } from '../../../../lib/libvirt/constants.ts'
import type { LibvirtCaller } from '../../../../lib/libvirt/domain-calls.ts'
import { isDeviceMissing, isOperationInvalid, isUnplugPending, type DomainRef } from '../../../../lib/libvirt/error.ts'
import type { InstanceWant, NicWant } from '../../instance-driver.ts'
import { toMarkedNic } from '../marked-nic.ts'
import type { LiveDomain, LiveNic } from './live-xml.ts'
import type { DomainMark } from './metadata.ts'
import { nicBus, toNicDetachXml, toNicXml, type NicContext } from './nic-xml.ts'

/** QEMU plugs an interface in at once, unless it waits for the switch of a vhost-user port. */
const PLUG_TIMEOUT_MS = 20_000

/** UIDs of the ports of these interfaces. Those that an older agent made have no alias: the mark tells whose a MAC is. Pure. */
export function portsOf(nics: readonly LiveNic[], mark: DomainMark | undefined): string[] {
  return nics.flatMap((nic) => portOf(nic, mark) ?? [])
}

function portOf({ portUid, mac }: LiveNic, mark: DomainMark | undefined): string | undefined {
  return portUid ?? mark?.nics?.find((marked) => marked.mac === mac)?.portUid
}

export interface NicPlan {
  attach: NicWant[]
  detach: LiveNic[]
  /** Those that the machine cannot take as it was started, and why. */
  refused: TransientError[]
}

/** The changes after which the machine has exactly these interfaces. One that cannot be told whose it is stays. Pure. */
export function planNics(
  live: Pick<LiveDomain, 'nics' | 'freeBuses' | 'sharesMemory'>,
  mark: DomainMark | undefined,
  want: Pick<InstanceWant, 'nics' | 'ports'>,
): NicPlan {
  const has = new Set(portsOf(live.nics, mark))
  const lacking = want.nics.filter(({ portUid }) => !has.has(portUid))
  const refused = lacking.flatMap((nic) => whyNot(nic, live) ?? [])
  return {
    attach: lacking.filter((nic) => whyNot(nic, live) === undefined),
    detach: live.nics.filter((nic) => {
      const port = portOf(nic, mark)
      return port !== undefined && !want.ports.includes(port)
    }),
    refused,
  }
}

function whyNot(nic: NicWant, live: Pick<LiveDomain, 'freeBuses' | 'sharesMemory'>): TransientError | undefined {
  if (!live.freeBuses.includes(nicBus(nic.slot))) {
    const message = 'the machine was started without a free place for another interface: stop it and start it again'
    return new TransientError('NoFreeSlot', message)
  }
  if (nic.vnicType === 'vhostuser' && !live.sharesMemory) {
    const message =
      'the machine was started without a vhost-user interface, and so without memory that a switch can share: stop it and start it again'
    return new TransientError('MemoryNotShared', message)
  }
  return undefined
}

/** What a machine's mark says of its interfaces: those that it is to have, and those that it still has. @param live absent: all on the mark */
export function markedNics(
  { nics }: Pick<InstanceWant, 'nics'>,
  mark: DomainMark | undefined,
  live?: Pick<LiveDomain, 'nics'>,
): ObservedNic[] {
  const wanted = nics.map(toMarkedNic)
  const has = live && new Set(live.nics.map(({ mac }) => mac))
  const left = (mark?.nics ?? []).filter(
    ({ mac, portUid }) => !wanted.some((nic) => nic.portUid === portUid) && (has?.has(mac) ?? true),
  )
  return [...wanted, ...left]
}

export interface NicPlugging {
  client: LibvirtCaller
  domain: DomainRef
  context: NicContext
}

/**
 * A detach is only asked for: it is done when the guest lets go of the device, which an event reports; a guest that boots misses it, so that
 * it is repeated at each run. The definition follows at the next start. @returns the failures; every change is tried
 */
export async function applyNicPlan(plug: NicPlugging, plan: NicPlan, signal: AbortSignal): Promise<unknown[]> {
  const { client, domain, context } = plug
  const failures: unknown[] = []
  const attempt = async (run: () => Promise<unknown>): Promise<void> => {
    try {
      await run()
    } catch (error) {
      signal.throwIfAborted()
      failures.push(error)
    }
  }
  const change = (name: 'attachDevice' | 'detachDevice', xml: string): Promise<unknown> =>
    client.call(name, { domain, xml, flags: Affect.live }, signal, PLUG_TIMEOUT_MS)
  for (const nic of plan.detach) await attempt(() => change('detachDevice', toNicDetachXml(nic)).catch(unlessLeaving))
  for (const nic of plan.attach) await attempt(() => change('attachDevice', toNicXml(nic, context)))
  return [...failures, ...plan.refused]
}

/** It is gone, or the guest has not let go of it yet; or the machine went off, and has none any more. */
function unlessLeaving(error: unknown): void {
  if (!isDeviceMissing(error) && !isUnplugPending(error) && !isOperationInvalid(error)) throw error
}
