// SPDX-License-Identifier: Apache-2.0
import { CLOUD, CLOUD_NAME, COMPUTE_NODE, NAMESPACE, SECRET } from '../../lib/api/kinds.ts'
import type { Cloud, ComputeNode } from '../../lib/api/types.ts'
import { isConditionTrue } from '../../lib/conditions.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import { UsageError, type Command, type Context } from '../command-line/command.ts'
import { terminalText } from '../output/terminal-text.ts'
import { applyPlan } from '../restore/apply.ts'
import { ArchiveError } from '../restore/archive-error.ts'
import { nodesOf, readNodeAnswers } from '../restore/node-answers.ts'
import { ORDER } from '../restore/order.ts'
import { liveKey, planRestore, type Live, type Plan } from '../restore/plan.ts'
import { readArchive, type Archived } from '../restore/read-archive.ts'

export const restore: Command = {
  name: 'restore',
  usage: '[--dry-run] [--lost-node NAME]... [--force] FILE',
  summary: 'makes the objects of a backup anew, but no machine and no volume that a node may still have',
  arguments: { least: 1, most: 1 },
  takesForce: true,
  takesRestore: true,
  async run(context, [file = '']) {
    const { print, restore, progress } = context
    const archived = await readFile(file)
    await assertReady(context)
    const plan = await makePlan(context, file, archived)
    progress('')
    if (restore.isDryRun) {
      for (const { name, live, stage } of plan.steps) if (!live) print(terminalText(`${stage}: ${name}`))
    }
    const there = plan.steps.filter(({ live }) => live).length
    if (there > 0) print(`there already: ${there}`)
    for (const { plural, count, why } of plan.leftOut) print(`left out: ${count} ${plural}: ${why}`)
    for (const what of plan.lost) print(terminalText(`gets another address: ${what}`))
    for (const { name, why } of plan.withheld) print(terminalText(`withheld: ${name}: ${why}`))
    if (restore.isDryRun) {
      print(`to be made: ${plan.steps.length - there}; nothing was`)
      return plan.withheld.length === 0 ? 0 : 1
    }
    const { made, troubles, isHalted } = await applyPlan(plan, context)
    progress('')
    for (const trouble of troubles) print(terminalText(`not as it was: ${trouble}`))
    print(`made: ${made}`)
    if (isHalted)
      print(
        'What is given any address was not made, as it might be one that is to be kept: mend what is said above and do it again; --force makes it all the same',
      )
    return plan.withheld.length + troubles.length === 0 && !isHalted ? 0 : 1
  },
}

/** @throws UsageError for an archive that cannot be used */
async function readFile(file: string): Promise<Archived[]> {
  try {
    return await readArchive(file)
  } catch (error) {
    if (error instanceof ArchiveError) throw new UsageError(`${file}: ${error.message}`)
    throw error
  }
}

/** @throws UsageError where the operator does not work, or holds because the store went back */
async function assertReady({ client, signal }: Context): Promise<void> {
  const cloud = await client.find<Cloud>(CLOUD, { name: CLOUD_NAME }, { signal })
  if (!cloud?.status?.observedGeneration)
    throw new UsageError('there is no Cloud that an operator has looked at: install Nephele first')
  if (isConditionTrue(cloud.status.conditions, 'ControlPlaneRegressed'))
    throw new UsageError(
      'the Cloud holds, as its store went back (ControlPlaneRegressed): compare, and raise spec.incarnation first',
    )
}

async function makePlan(context: Context, file: string, archived: readonly Archived[]): Promise<Plan> {
  const { client, signal, progress, restore } = context
  progress('reading what is there')
  const live = await readLive(context, archived)
  // Read last: what was placed meanwhile is there already.
  const nodes = await client.list<ComputeNode>(COMPUTE_NODE, { signal })
  assertLost(restore.lostNodes, nodes, archived)
  try {
    return planRestore(archived, live, readNodeAnswers(archived, nodes, restore.lostNodes))
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new UsageError(`${file}: it has objects that are not as an apiserver gives them (${error.message})`)
  }
}

/** @throws UsageError for one that is there: its own word, or spec.lost, says what it has */
function assertLost(lost: readonly string[], nodes: readonly ComputeNode[], archived: readonly Archived[]): void {
  for (const name of lost) {
    const node = nodes.find(({ metadata }) => metadata.name === name)
    if (node && node.spec.lost === undefined)
      throw new UsageError(
        `--lost-node ${name}: it has joined; if it is off for good, set spec.lost of its ComputeNode`,
      )
    if (!node && !nodesOf(archived).has(name))
      throw new UsageError(`--lost-node ${name}: the archive names no such node`)
  }
}

async function readLive({ client, signal }: Context, archived: readonly Archived[]): Promise<Live> {
  const live = new Map<string, KubeObject>()
  const plurals = new Set(archived.map(({ kind }) => kind))
  for (const kind of ORDER.filter((one) => one === NAMESPACE || (plurals.has(one) && one !== SECRET)))
    for (const object of await client.list<KubeObject>(kind, { signal })) live.set(liveKey(kind, object), object)
  // Nobody needs to list others' Secrets.
  for (const { kind, object } of archived.filter((one) => one.kind === SECRET)) {
    const { namespace, name } = object.metadata
    const found = await client.find<KubeObject>(kind, { namespace, name }, { signal })
    if (found) live.set(liveKey(kind, found), found)
  }
  return live
}
