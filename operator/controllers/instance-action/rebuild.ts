// SPDX-License-Identifier: Apache-2.0
// Whether a machine can have its next root disk: refused before anything of it is destroyed, with the reason that a new machine would have.
import type { Instance, InstanceAction } from '../../../lib/api/types.ts'
import { findUnsupported, findUnsupportedSpec } from '../../../lib/image-properties.ts'
import { keyOfObject } from '../../../lib/kube/object.ts'
import { waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { Found } from '../../kind/found.ts'
import { resolve } from '../../kind/resolve.ts'
import type { Reference } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import {
  followsImage,
  leastDiskGiB,
  propertiesOf,
  readyImage,
  requiresKvm,
  toMadeFrom,
  type ReadyImage,
} from '../common/machine-image.ts'
import { highestRootDisk, MOST_GIVEN, saidOfRootDisks } from '../common/root-disk-numbers.ts'
import { policyFor } from '../scheduler-profile/policy-for.ts'

export type RebuildDeps = Pick<OperatorDeps, 'bus' | 'caches' | 'scheduler'>
export type Planned = Pick<NonNullable<InstanceAction['status']>, 'image' | 'rootDisk'>
/** `isFinal`: another spec, or another node, is needed. */
export type Refusal = { reason: string; message: string; isFinal: boolean }

/** What the spec of the machine names, as a new one would have it. */
const newImage: Reference<Instance, 'images'> = {
  to: 'images',
  refs: ({ spec }) => [{ ref: spec.imageRef, field: 'spec.imageRef' }],
}

/** What it is given, or why not. */
export function planRebuild(machine: Instance, deps: RebuildDeps): Planned | Refusal {
  const image = findNext(machine, deps)
  if (!image.ok) return toRefusal(image.outcome, 'the Image in spec.imageRef of the machine cannot be used')
  const rootDisk = nextDisk(machine, deps)
  if (typeof rootDisk !== 'number') return rootDisk
  const why = whyUnfit(machine, image.object, 'root', deps)
  if (why) return { ...why, isFinal: true }
  return { image: toMadeFrom(image.object, image.object.status.sha256), rootDisk }
}

/** The number of the next disk of the machine, or why it is not known yet. */
export function nextDisk({ metadata, status = {} }: Instance, { bus }: Pick<RebuildDeps, 'bus'>): number | Refusal {
  // What it refused or gave up is remembered by the node alone, which does not make a number twice.
  const said = saidOfRootDisks(status, bus.observed.find('instance', metadata.uid, status.node))
  if (!said || (status.rebuilds ?? []).length >= MOST_GIVEN) {
    const which = said ? `which of ${MOST_GIVEN} disks it has made` : 'which root disk the machine has'
    const message = `node ${status.node ?? ''} has not said ${which}: this goes on once it has`
    return { reason: 'RootDiskUnclear', message, isFinal: false }
  }
  return Math.max(highestRootDisk(status), said.settled) + 1
}

function findNext(machine: Instance, { caches }: RebuildDeps): Found<ReadyImage> {
  const [named] = newImage.refs(machine)
  const image = named && resolve(newImage, machine, named, caches)
  if (!image) return { ok: false, outcome: waitFor('ImageNotFound', 'spec.imageRef names no Image') }
  return image.ok ? readyImage(image.object) : image
}

export function toRefusal(outcome: Outcome, message: string): Refusal {
  if (outcome.kind === 'wait') return { reason: outcome.reason, message: outcome.message, isFinal: false }
  return { reason: 'ImageNotReady', message, isFinal: false }
}

/**
 * Why the machine, as it is and where it is, cannot have a disk of the image to boot from.
 * @param disk a rescue disk is beside the root disk, and as large as its image: only a Flavor that sets a root disk bounds it
 */
export function whyUnfit(
  machine: Instance,
  image: ReadyImage,
  disk: 'root' | 'rescue',
  deps: RebuildDeps,
): { reason: string; message: string } | undefined {
  const { node = '', flavor, nextFlavor } = machine.status ?? {}
  const size = nextFlavor ?? flavor
  const { properties = {} } = image.spec
  const unsupported = findUnsupported(properties) ?? findUnsupportedSpec(size?.extraSpecs ?? {}, properties)
  if (unsupported !== undefined)
    return { reason: 'UnsupportedProperty', message: `Image ${keyOfObject(image)}: ${unsupported}` }
  const outgrown = whyOutgrown(machine, image, disk, deps)
  if (outgrown !== undefined) return { reason: 'FlavorTooSmall', message: outgrown }
  const by = policyFor(size?.extraSpecs ?? {}, deps.caches)
  if (!by.ok) return by.outcome.kind === 'wait' ? by.outcome : undefined
  const why = deps.scheduler.whyNoImage(
    node,
    {
      ...{ uid: machine.metadata.uid, amounts: { vcpus: 0, memoryMiB: 0, diskGiB: 0 }, excluded: new Map() },
      ...{ requireKvm: size?.requireKVM === true || requiresKvm(image), needsVhostUser: false },
      ...{
        image: keyOfObject(image),
        imageUid: image.metadata.uid,
        imageProperties: propertiesOf(image, size?.extraSpecs),
      },
      ...(size?.name === undefined ? {} : { flavor: { name: size.name, extraSpecs: size.extraSpecs ?? {} } }),
      project: machine.metadata.namespace ?? '',
    },
    by.policy,
  )
  if (why === undefined) return undefined
  return {
    reason: 'NoValidHost',
    message: `node ${node}, where the machine is, ${why}: with Image ${keyOfObject(image)} it could not be there`,
  }
}

/** In words of the size that it has: its Flavor may set no root disk, or be another by now. */
function whyOutgrown(
  { status = {} }: Instance,
  image: ReadyImage,
  disk: 'root' | 'rescue',
  { caches }: Pick<RebuildDeps, 'caches'>,
): string | undefined {
  const { flavor, nextFlavor } = status
  // It starts with the next one where it can have that, and else with the one that it has.
  const sizes = [
    { size: flavor, when: 'has' },
    { size: nextFlavor, when: 'gets at its next start' },
  ]
  const said = sizes.flatMap(({ size, when }) => {
    const own = size?.name === undefined ? undefined : caches.flavors.find(undefined, size.name)
    const setsNone = own !== undefined && followsImage(own)
    const lack = size && findLack(size, image, { isBound: disk === 'root' || !setsNone })
    if (lack === undefined) return []
    const why =
      setsNone && lack.what === 'a root disk'
        ? ', as large as what it was first made from since its Flavor sets none'
        : ''
    return [
      {
        ...lack,
        message: `Image ${keyOfObject(image)} needs ${lack.what} of ${lack.need}, and the machine ${when} ${lack.has}${why}`,
        when,
      },
    ]
  })
  const [first] = said
  if (!first) return undefined
  const next = nextFlavor?.name ?? ''
  const isNextFit = nextFlavor !== undefined && said.every(({ when }) => when === 'has')
  if (isNextFit) return `${first.message}: stop and start it, which gives it the size of Flavor ${next}, and ask again`
  return `${first.message}: name a Flavor with ${first.what} of at least ${first.need} in its spec.flavorRef, stop and start it, and ask again`
}

function findLack(
  { memoryMiB, rootDiskGiB }: { memoryMiB: number; rootDiskGiB: number },
  image: ReadyImage,
  { isBound }: { isBound: boolean },
): { what: string; need: string; has: string } | undefined {
  const { minMemoryMiB = 0 } = image.spec
  if (memoryMiB < minMemoryMiB) return { what: 'memory', need: `${minMemoryMiB} MiB`, has: `${memoryMiB} MiB` }
  const needGiB = leastDiskGiB(image)
  if (!isBound || rootDiskGiB >= needGiB) return undefined
  return { what: 'a root disk', need: `${needGiB} GiB`, has: `one of ${rootDiskGiB} GiB` }
}
