// SPDX-License-Identifier: Apache-2.0
import { TransientError } from '../../../../lib/errors.ts'
import { ErrorCode, LibvirtError } from '../../../../lib/libvirt/error.ts'
import type { GuestPassword } from '../../instance-driver.ts'
import { askAgent, type AgentCalls, type Guest } from './guest-agent.ts'

/**
 * By the guest's QEMU agent: virDomainSetUserPassword. Of what libvirt says to it, words may be the guest's own, and those may be the password: none of them is
 * kept.
 */
export async function setGuestPassword(
  calls: AgentCalls,
  guest: Guest,
  { userName, password }: GuestPassword,
  signal: AbortSignal,
): Promise<void> {
  try {
    await askAgent(calls, guest, 'setUserPassword', { user: userName, password, flags: 0 }, signal)
  } catch (error) {
    const help = `it has not set it: is there a user ${userName} in the guest, and may its agent set passwords?`
    throw toAgentTrouble(error, help)
  }
}

/** What a call to the guest's agent came to. @param refused what it means when the agent refuses */
export function toAgentTrouble(error: unknown, refused: string): unknown {
  if (!(error instanceof LibvirtError)) return error
  const { code, message } = error
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
    default:
      return new TransientError('GuestRefused', `the agent of the guest refuses (libvirt's error ${code}): ${refused}`)
  }
}

function noAgent(how: string): TransientError {
  const help = 'install qemu-guest-agent in the guest, and see that it runs'
  return new TransientError('NoGuestAgent', `the agent of the guest ${how}: ${help}`)
}
