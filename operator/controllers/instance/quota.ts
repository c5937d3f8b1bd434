// SPDX-License-Identifier: Apache-2.0
// What a machine asks of its project's Quota: for itself before anything is made for it, and for a larger size before that is claimed.
import { INSTANCE } from '../../../lib/api/kinds.ts'
import type { Instance } from '../../../lib/api/types.ts'
import type { Outcome } from '../../../lib/outcome.ts'
import { askQuota, waitForQuota, type Refusal } from '../../quota/ask.ts'
import { larger } from '../../quota/amounts.ts'
import type { OperatorDeps } from '../common/deps.ts'
import type { Admitted } from './admitted.ts'
import type { InstanceRun } from './deps.ts'
import type { MachineSize } from './flavor.ts'
import { quotaOf, quotaTaken } from './kind.ts'
import { setStage } from './stages.ts'

type QuotaDeps = Pick<OperatorDeps, 'quotas'>

/** A machine that had a size once keeps its room, wherever it is placed next. */
export function askForRoom(
  instance: Instance,
  { now }: Pick<Admitted, 'now'>,
  { quotas }: QuotaDeps,
  run: Pick<InstanceRun, 'now'>,
): Outcome | undefined {
  if (instance.status?.flavor) return undefined
  const refusal = askQuota(quotas, INSTANCE, instance, quotaOf(instance, now.size))
  if (!refusal) return undefined
  const outcome = waitForQuota(refusal)
  setStage(instance, 'Admitted', outcome, run.now)
  return outcome
}

/** For both its sizes until it has the new one. */
export function askForSize(instance: Instance, wish: MachineSize, { quotas }: QuotaDeps): Refusal | undefined {
  const { flavor } = instance.status ?? {}
  if (!flavor) return undefined
  const most = larger(quotaOf(instance, flavor), quotaOf(instance, wish.size))
  return askQuota(quotas, INSTANCE, instance, most, 'the machine keeps its size')
}

/** Nothing more is wished for than what it has, or can be had: what was promised for that is others'. */
export function keepSize(instance: Instance, { quotas }: QuotaDeps): void {
  askQuota(quotas, INSTANCE, instance, quotaTaken(instance))
}
