// SPDX-License-Identifier: Apache-2.0
import { TransientError } from '../../../../lib/errors.ts'
import type { DomainCalls } from '../../../../lib/libvirt/domain-calls.ts'
import { ErrorCode, LibvirtError, type DomainRef } from '../../../../lib/libvirt/error.ts'
import type { GuestPassword } from '../../instance-driver.ts'

/** libvirt itself waits 5 s for the agent to be there; then the guest does it, which may be slow to make a hash. */
const SET_PASSWORD_MS = 30_000

/**
 * By the guest's QEMU agent: virDomainSetUserPassword. Of what libvirt says to it, words may be the guest's own, and those may be the password: none of them is
 * kept.
 */
export async function setGuestPassword(
  calls: Pick<DomainCalls, 'call'>,
  domain: DomainRef,
  { userName, password }: GuestPassword,
  signal: AbortSignal,
): Promise<void> {
  try {
    await calls.call('setUserPassword', { domain, user: userName, password, flags: 0 }, signal, SET_PASSWORD_MS)
  } catch (error) {
    throw error instanceof LibvirtError ? toTrouble(error, userName) : error
  }
}

function toTrouble({ code, message }: LibvirtError, userName: string): unknown {
  switch (code) {
    case ErrorCode.agentUnresponsive:
      if (/disappeared/i.test(message))
        return new TransientError('GuestAgentTimeout', 'the agent of the guest went away meanwhile')
      return noAgent('does not answer')
    case ErrorCode.agentUnsynced:
      return noAgent('answers something else')
    case ErrorCode.operationUnsupported:
    case ErrorCode.argumentUnsupported:
      return noAgent('has no way to it')
    case ErrorCode.agentCommandTimeout:
      return new TransientError('GuestAgentTimeout', 'the agent of the guest did not answer in time')
    case ErrorCode.operationInvalid:
      return new TransientError('InstanceNotRunning', 'the machine does not run')
    case ErrorCode.operationTimeout:
      return new TransientError('MachineUnresponsive', 'QEMU of the machine does not answer')
    default: {
      const help = `is there a user ${userName} in the guest, and may its agent set passwords?`
      return new TransientError(
        'GuestRefused',
        `the agent of the guest has not set it (libvirt's error ${code}): ${help}`,
      )
    }
  }
}

function noAgent(how: string): TransientError {
  const help = 'install qemu-guest-agent in the guest, and see that it runs'
  return new TransientError('NoGuestAgent', `the agent of the guest ${how}: ${help}`)
}
