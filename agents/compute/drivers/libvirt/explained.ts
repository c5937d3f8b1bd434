// SPDX-License-Identifier: Apache-2.0
import { TerminalError, TransientError } from '../../../../lib/errors.ts'
import { isBusy, isDisconnected, isUnanswered, LibvirtError } from '../../../../lib/libvirt/error.ts'

/** Classifies libvirt's errors once, at the edge. libvirt's own messages may contain host paths: they go to the log only, as the cause. */
export async function explained<T>(what: string, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    signal.throwIfAborted()
    throw explain(what, error)
  }
}

/** @param what the operation, such as `starting the machine`. Pure. */
export function explain(what: string, error: unknown): unknown {
  if (error instanceof TransientError || error instanceof TerminalError) return error
  if (isDisconnected(error)) {
    return new TransientError('HypervisorUnreachable', `${what}: libvirt of the node does not answer; is it up?`, {
      cause: error,
    })
  }
  if (isBusy(error)) {
    const message = `${what}: calls about other machines hold every place at libvirt of the node; it is tried again`
    return new TransientError('HypervisorBusy', message, { cause: error })
  }
  if (isUnanswered(error)) {
    const message = `${what}: QEMU of the machine does not answer; deleting or stopping the machine ends it by force`
    return new TransientError('MachineUnresponsive', message, { cause: error })
  }
  if (error instanceof LibvirtError) {
    const message = `${what}: libvirt of the node refuses (its error ${error.code}); the agent's log has its words`
    return new TransientError('HypervisorRefused', message, { cause: error })
  }
  return error
}
