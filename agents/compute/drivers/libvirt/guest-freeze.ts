// SPDX-License-Identifier: Apache-2.0
// The guest's file systems, frozen by its agent for a moment, and thawed whatever happens in between.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readIfThere, syncFolder, writeWhole } from '../../../../lib/durable-files.ts'
import { TransientError } from '../../../../lib/errors.ts'
import { ErrorCode, isBusy, isNoDomain, isOperationInvalid, LibvirtError } from '../../../../lib/libvirt/error.ts'
import type { FoundDomain } from './domains.ts'
import { askAgent, limitAgent, type AgentCalls, type Guest } from './guest-agent.ts'
import { toAgentTrouble } from './guest-password.ts'

type Found = Guest & Pick<FoundDomain, 'power'>

const THAW_MS = 35_000
const THAW_AGAIN_MS = 1_000
/** After a copy has begun. */
export const THAW_FOR_MS = 60_000

/** Written before a guest is asked to freeze, removed after it was thawed. In the machine's folder. */
function markOf(dir: string): string {
  return join(dir, 'frozen')
}

/**
 * @throws TransientError `NoGuestAgent`, `GuestRefused`, `GuestAgentTimeout`, `InstanceNotRunning`: it may be frozen all the same, while its mark is there
 */
export async function freeze(calls: AgentCalls, guest: Guest, dir: string, signal: AbortSignal): Promise<void> {
  const wasMarked = await isMarked(dir)
  const refused = 'its file systems were not frozen'
  await limitAgent(calls, guest, signal).catch((error: unknown) => {
    throw toAgentTrouble(error, refused)
  })
  await writeWhole(markOf(dir), '')
  try {
    await askAgent(calls, guest, 'fsFreeze', { mountpoints: [], flags: 0 }, signal)
  } catch (error) {
    if (!wasMarked && isNeverSent(error)) await forgetFreeze(dir)
    throw toAgentTrouble(error, refused)
  }
}

/** It was not asked to freeze anything: there is no agent, or it did not even say that it is there. What says less may have been asked. */
function isNeverSent(error: unknown): boolean {
  if (isBusy(error) || isNoDomain(error) || isOperationInvalid(error)) return true
  if (!(error instanceof LibvirtError)) return false
  const { agentUnresponsive, agentUnsynced, argumentUnsupported, operationUnsupported } = ErrorCode
  if ([agentUnsynced, argumentUnsupported, operationUnsupported].some((code) => code === error.code)) return true
  return error.code === agentUnresponsive && /not connected|due to an error|synchronization/i.test(error.message)
}

/**
 * Nothing where it was not frozen. Only an agent that has thawed ends it, or a machine that is really off: an agent that does not answer, and a machine
 * that is paused or saved, have all their file systems as they were.
 * @param look the machine's domain, as it is now
 * @param untilMs it is tried until then, by performance.now(), and once in any case. The mark stays while it is in vain
 * @throws TransientError `GuestStillFrozen`
 */
export async function thaw(
  calls: AgentCalls,
  look: (signal: AbortSignal) => Promise<Found | undefined>,
  dir: string,
  { untilMs, signal }: { untilMs: number; signal: AbortSignal },
): Promise<void> {
  if (!(await isMarked(dir))) return
  for (;;) {
    const trouble = await tryThaw(calls, look)
    if (!trouble) break
    if (signal.aborted || performance.now() >= untilMs) {
      const message =
        'the file systems of the guest were frozen for a copy of its disk, and its agent does not thaw them: it is tried again; a hard reboot helps'
      throw new TransientError('GuestStillFrozen', message, { cause: trouble })
    }
    await sleep(THAW_AGAIN_MS)
  }
  await forgetFreeze(dir)
}

/** Of a guest that is not frozen, or not any more. */
export async function forgetFreeze(dir: string): Promise<void> {
  if (!(await isMarked(dir))) return
  await rm(markOf(dir), { force: true })
  await syncFolder(dir)
}

async function isMarked(dir: string): Promise<boolean> {
  return (await readIfThere(markOf(dir))) !== undefined
}

/** @returns why it may still be frozen */
async function tryThaw(calls: AgentCalls, look: (signal: AbortSignal) => Promise<Found | undefined>): Promise<unknown> {
  try {
    const found = await look(AbortSignal.timeout(THAW_MS))
    if (!found || found.power === 'off') return undefined
    await askAgent(calls, found, 'fsThaw', { mountpoints: [], flags: 0 }, AbortSignal.timeout(2 * THAW_MS))
    return undefined
  } catch (error) {
    return isNoDomain(error) ? undefined : toAgentTrouble(error, 'its file systems were not thawed')
  }
}
