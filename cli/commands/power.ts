// SPDX-License-Identifier: Apache-2.0
// start, stop, pause, unpause, suspend, resume: the words of `openstack server` for spec.runState.
import { INSTANCE } from '../../lib/api/kinds.ts'
import type { Instance } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import { isNotFound } from '../../lib/kube/errors.ts'
import type { Command, Context } from '../command-line/command.ts'
import { noSuchObject } from '../command-line/find-kind.ts'
import { WaitError, waitForObject } from '../command-line/wait-for-object.ts'

type RunState = NonNullable<Instance['spec']['runState']>
type State = NonNullable<NonNullable<Instance['status']>['state']>

const STATES: Readonly<Record<RunState, State>> = {
  Running: 'ACTIVE',
  Stopped: 'SHUTOFF',
  Paused: 'PAUSED',
  Suspended: 'SUSPENDED',
}

export const POWER: readonly Command[] = [
  power('start', 'Running', 'started'),
  power('stop', 'Stopped', 'stopped'),
  power('pause', 'Paused', 'paused'),
  power('unpause', 'Running', 'unpaused'),
  power('suspend', 'Suspended', 'suspended'),
  power('resume', 'Running', 'resumed'),
]

function power(name: string, runState: RunState, done: string): Command {
  return {
    name,
    usage: 'NAME...',
    summary: `sets spec.runState: ${runState} of machines, and waits until they are ${STATES[runState]}`,
    completes: 'instances',
    arguments: { least: 1, most: 100 },
    async run(context, names) {
      // One after the other would wait for each; a failure of one says nothing of the others.
      const results = await Promise.all(names.map((one) => setRunState(context, one, runState, done)))
      return results.every(Boolean) ? 0 : 1
    },
  }
}

/** False: it did not come to that, which has been said. */
async function setRunState(context: Context, name: string, runState: RunState, done: string): Promise<boolean> {
  const { client, namespace, signal, timeoutMs, waits, print, progress } = context
  const ref = { namespace, name }
  let instance: Instance
  try {
    instance = await client.mergePatch<Instance>(INSTANCE, ref, { spec: { runState } }, { signal })
  } catch (error) {
    throw isNotFound(error) ? noSuchObject(INSTANCE, name, namespace) : error
  }
  if (!waits) {
    print(`instance.nephele.dev/${name}: runState is ${runState}`)
    return true
  }
  const generation = instance.metadata.generation ?? 0
  const wanted = STATES[runState]
  try {
    await waitForObject<Instance>(
      client,
      { kind: INSTANCE, ref },
      {
        isWanted: ({ status }) => isIn(wanted, status?.state) && (status?.observedGeneration ?? 0) >= generation,
        onChange: (now) => {
          instance = now
          progress(`${name}: ${now.status?.state ?? 'new'}, waiting for ${wanted}${whyNot(now)}`)
        },
        ...{ timeoutMs, signal },
      },
    )
    print(`instance.nephele.dev/${name} ${done}`)
    return true
  } catch (error) {
    if (!(error instanceof WaitError)) throw error
    print(
      `${error.message}: ${instance.status?.state ?? 'new'}${whyNot(instance)}. "kubectl nephele why ${name}" says more`,
    )
    return false
  }
}

/** What is started in rescue runs. */
function isIn(wanted: State, state: State | undefined): boolean {
  return state === wanted || (wanted === 'ACTIVE' && state === 'RESCUE')
}

function whyNot({ status }: Instance): string {
  const ready = findCondition(status?.conditions, 'Ready')
  return ready === undefined || ready.status === 'True' ? '' : ` (${ready.reason}: ${ready.message})`
}
