// SPDX-License-Identifier: Apache-2.0

/** Why the machine is not any more where an action was given to it. Pure. */
export function whyGone(
  machine:
    { metadata: { uid: string; deletionTimestamp?: string }; status?: { node?: string; epoch?: number } } | undefined,
  { node, epoch, instanceUID }: { node: string; epoch: number; instanceUID: string | undefined },
): string | undefined {
  if (machine?.metadata.uid !== instanceUID) return 'the machine is gone'
  if (machine?.metadata.deletionTimestamp !== undefined) return 'the machine is being deleted'
  if (machine?.status?.node !== node || (machine.status.epoch ?? 0) !== epoch)
    return `the machine has left node ${node}`
  return undefined
}
