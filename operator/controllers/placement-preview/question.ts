// SPDX-License-Identifier: Apache-2.0
// What a PlacementPreview asks the scheduler: the same that a machine asks when it is placed, made by the same code.
import { GROUP, INSTANCE, VERSION } from '../../../lib/api/kinds.ts'
import type { Instance, PlacementPreview } from '../../../lib/api/types.ts'
import { cloneJson } from '../../../lib/json-clone.ts'
import { larger, type Amounts } from '../../quota/amounts.ts'
import type { ProjectBook } from '../../quota/project-book.ts'
import type { Policy } from '../../scheduler/policy.ts'
import type { PlacementRequest } from '../../scheduler/filters/request.ts'
import type { Trial } from '../../scheduler/scheduler.ts'
import { allMissing, found, type Found } from '../../kind/found.ts'
import { resolveOnly } from '../../kind/resolve.ts'
import { admit } from '../instance/admit.ts'
import type { Admitted } from '../instance/admitted.ts'
import type { InstanceDeps, InstanceRun } from '../instance/deps.ts'
import { expectedPorts } from '../instance/expected-ports.ts'
import type { MachineSize } from '../instance/flavor.ts'
import { quotaOf } from '../instance/kind.ts'
import { listMissing } from '../instance/ports.ts'
import { toRequest } from '../instance/schedule.ts'
import { policyFor } from '../scheduler-profile/policy-for.ts'
import { instance as instanceAsked, namespaceOf } from './kind.ts'

export interface Question {
  /** Of the first machine: the Instance that there is, or the question's own. */
  uid: string
  /** With the size that it wishes for, then with the one that it has: as it is placed. */
  attempts: { request: PlacementRequest; policy: Policy }[]
  /** What each machine counts for in the project's Quota. */
  needs: Amounts
  project: Pick<ProjectBook, 'lacks' | 'own'>
}

/** By whose claims other machines are where they are. */
type Claims = Pick<Trial, 'findClaim'>

/**
 * @returns what it waits for before it can be judged
 * @throws TerminalError for what can never be placed
 */
export async function resolveQuestion(
  preview: PlacementPreview,
  claims: Claims,
  deps: InstanceDeps,
  run: InstanceRun,
): Promise<Found<Question>> {
  const machine = findMachine(preview, deps)
  return machine.ok ? questionOf(machine.object, claims, deps, run) : machine
}

/**
 * @param instance one without a place (withoutPlace)
 * @throws TerminalError for what can never be placed
 */
export async function questionOf(
  instance: Instance,
  claims: Claims,
  deps: InstanceDeps,
  run: InstanceRun,
): Promise<Found<Question>> {
  const admitted = await admit(instance, deps, run)
  if (!admitted.ok) return admitted
  const lacking = allMissing(listMissing(instance, deps))
  if (lacking) return lacking
  const { uid, namespace = '' } = instance.metadata
  const project = deps.quotas.project(namespace)
  const { ports, missing } = expectedPorts(instance, admitted.object.image, deps.caches)
  const attempts: Question['attempts'] = []
  for (const size of sizesOf(instance, admitted.object, project)) {
    const by = policyFor(size.extraSpecs, deps.caches)
    if (!by.ok) return by
    const parts = { admitted: admitted.object, ports, size }
    const request = toRequest(instance, parts, false, { caches: deps.caches, scheduler: claims })
    attempts.push({ request, policy: by.policy })
  }
  const needs = { ...quotaOf(instance, admitted.object.now.size), ...(missing > 0 ? { ports: missing } : {}) }
  return found({ uid, attempts, needs, project })
}

function findMachine(preview: PlacementPreview, { caches }: Pick<InstanceDeps, 'caches'>): Found<Instance> {
  const { template } = preview.spec
  if (template) {
    const { name, uid } = preview.metadata
    const metadata = { name, uid, namespace: namespaceOf(preview), resourceVersion: '' }
    return found({ apiVersion: `${GROUP}/${VERSION}`, kind: INSTANCE.kind, metadata, spec: template })
  }
  const asked = resolveOnly(instanceAsked, preview, caches)
  return asked.ok ? found(withoutPlace(asked.object)) : asked
}

/** The machine as it is before it has a place; of what does not decide where it goes, nothing. */
export function withoutPlace(asked: Instance): Instance {
  const instance = cloneJson(asked)
  const { spec, status } = instance
  delete spec.keyPairRef
  delete spec.userData
  delete spec.userDataSecretRef
  delete spec.volumes
  delete status?.node
  return instance
}

function sizesOf(instance: Instance, { now, wish }: Admitted, project: Question['project']): MachineSize[] {
  const { flavor } = instance.status ?? {}
  if (wish?.ok !== true || !flavor) return [now]
  const most = larger(quotaOf(instance, flavor), quotaOf(instance, wish.size))
  return project.lacks(instance.metadata.uid, most) ? [now] : [wish, now]
}
