// SPDX-License-Identifier: Apache-2.0
import { FLAVOR, INSTANCE } from '../../lib/api/kinds.ts'
import type { Instance } from '../../lib/api/types.ts'
import { findCondition } from '../../lib/conditions.ts'
import { isNotFound } from '../../lib/kube/errors.ts'
import { UsageError, type Command, type Context } from '../command-line/command.ts'
import { getObject, noSuchObject } from '../command-line/find-kind.ts'
import { WaitError, waitForObject } from '../command-line/wait-for-object.ts'

const PENDING = 'ResizePending'
const AT_NEXT_START = 'AtNextStart'

export const resize: Command = {
  name: 'resize',
  usage: 'NAME FLAVOR',
  summary: 'sets spec.flavorRef of a machine, and says whether it gets that size at once, at its next start or not',
  completes: 'instances',
  arguments: { least: 2, most: 2 },
  async run(context, [name = '', flavor = '']) {
    await getObject(context, FLAVOR, flavor)
    const before = await setFlavor(context, name, flavor)
    if (!context.waits) {
      context.print(`instance.nephele.dev/${name}: flavorRef is ${flavor}`)
      return 0
    }
    return tell(context, name, flavor, await waitForAnswer(context, name, before))
  },
}

async function setFlavor({ client, namespace, signal }: Context, name: string, flavor: string): Promise<Instance> {
  try {
    const patch = { spec: { flavorRef: { name: flavor } } }
    return await client.mergePatch<Instance>(INSTANCE, { namespace, name }, patch, { signal })
  } catch (error) {
    throw isNotFound(error) ? noSuchObject(INSTANCE, name, namespace) : error
  }
}

/** The operator has looked at this change. */
async function waitForAnswer(
  { client, namespace, signal, timeoutMs, progress }: Context,
  name: string,
  { metadata: { generation = 0 } }: Instance,
): Promise<Instance> {
  try {
    return await waitForObject<Instance>(
      client,
      { kind: INSTANCE, ref: { namespace, name } },
      {
        isWanted: ({ status }) => (status?.observedGeneration ?? 0) >= generation,
        onChange: () => progress(`${name}: waiting for the operator`),
        ...{ timeoutMs, signal },
      },
    )
  } catch (error) {
    if (!(error instanceof WaitError)) throw error
    throw new UsageError(`${error.message}: the operator has not looked at it yet`)
  }
}

/** @returns the exit code */
function tell({ print }: Context, name: string, flavor: string, { status }: Instance): number {
  const pending = findCondition(status?.conditions, PENDING)
  if (pending?.status !== 'True') {
    print(`instance.nephele.dev/${name} resized to ${flavor}`)
    return 0
  }
  if (pending.reason === AT_NEXT_START) {
    print(`instance.nephele.dev/${name} gets the size of ${flavor} when it starts next: stop and start it`)
    return 0
  }
  print(`instance.nephele.dev/${name} keeps its size: ${pending.reason}: ${pending.message}`)
  return 1
}
