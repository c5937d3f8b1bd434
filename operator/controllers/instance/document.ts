// SPDX-License-Identifier: Apache-2.0
import type { Instance, Port } from '../../../lib/api/types.ts'
import type { ConsoleGrant, InstanceDocument, MachineAction, MachineRescue } from '../../../lib/contract/documents.ts'
import { headerOf, type WriterVersions } from '../../placed/document-header.ts'
import { guestProperties } from '../common/machine-image.ts'
import { toDocumentNuma } from '../common/numa-topology.ts'
import { toKeyLine } from '../key-pair/public-key.ts'
import { hostnameOf } from '../port/binding.ts'
import type { Admitted } from './admitted.ts'
import { mayStartAlone } from './evacuation.ts'
import { listNics } from './nics.ts'
import { highestRootDisk } from '../common/root-disk-numbers.ts'
import type { GivenVolume } from './volumes.ts'

export interface InstanceParts {
  admitted: Admitted
  ports: readonly Port[]
  volumes: readonly GivenVolume[]
}

/** What the document says of the node that it is for, and of what is done to the machine there. */
export interface PlacedNode {
  /** The boot that the grant is for (docs/decisions/0004); undefined until the node has been heard. */
  bootId: string | undefined
  zone: string | undefined
  action?: MachineAction | undefined
  /** What it boots from there, in place of its root disk. */
  rescue?: MachineRescue | undefined
  /** Who may open its console. */
  consoles?: readonly ConsoleGrant[]
}

/** Step 9 of the flow: the complete document, so that the node need not look anything up. Pure. */
export function instanceDocument(
  instance: Instance,
  parts: InstanceParts,
  facts: PlacedNode,
  writer: WriterVersions,
): InstanceDocument {
  const { spec, status, metadata } = instance
  const { now, image, keyPair, userDataBase64, requireKvm } = parts.admitted
  const zone = spec.availabilityZone ?? facts.zone
  return {
    ...headerOf(instance, status?.node ?? '', status?.epoch ?? 0, writer),
    ...grantOf(facts),
    kind: 'instance',
    tombstone: false,
    spec: {
      hostname: hostnameOf(instance),
      project: metadata.namespace ?? '',
      ...powerOf(instance),
      ...now.size,
      ...toDocumentNuma(instance),
      requireKvm,
      image: {
        uid: image.metadata.uid,
        sha256: image.status.sha256,
        format: image.spec.format,
        properties: guestProperties(image, now.extraSpecs),
      },
      ...givenOf(instance),
      ports: toPorts(instance, parts.ports),
      volumes: [...parts.volumes],
      configDrive: spec.configDrive ?? false,
      ...(userDataBase64 === undefined ? {} : { userDataBase64 }),
      publicKeys: keyPair ? [{ name: keyPair.metadata.name, key: toKeyLine(keyPair.spec.publicKey) }] : [],
      metadata: spec.metadata ?? {},
      ...(zone === undefined ? {} : { availabilityZone: zone }),
      ...doneToIt(facts),
    },
  }
}

/**
 * For when something that the machine was made with no longer resolves: what was published stays, and what depends on nothing else (run
 * state, grant, metadata, the volumes given here) is updated, and interfaces that are asked for no more go. Pure.
 */
export function keptDocument(
  instance: Instance,
  given: InstanceDocument,
  volumes: readonly GivenVolume[],
  facts: PlacedNode,
  writer: WriterVersions,
): InstanceDocument {
  const { status, spec } = instance
  const asked = new Set(listNics(instance).map(({ portName }) => portName))
  const kept = { ...given.spec }
  delete kept.action
  delete kept.rescue
  delete kept.consoles
  const ports = kept.ports.filter(({ name }) => asked.has(name))
  return {
    ...headerOf(instance, status?.node ?? '', status?.epoch ?? 0, writer),
    ...grantOf(facts),
    kind: 'instance',
    tombstone: false,
    spec: {
      ...{ ...kept, ...powerOf(instance), metadata: spec.metadata ?? {}, volumes: [...volumes], ports },
      ...givenOf(instance),
      ...doneToIt(facts),
    },
  }
}

function givenOf({ status = {} }: Instance): Pick<InstanceDocument['spec'], 'rootDisksGiven'> {
  const rootDisksGiven = highestRootDisk(status)
  return rootDisksGiven === 0 ? {} : { rootDisksGiven }
}

function toPorts(instance: Instance, ports: readonly Port[]): InstanceDocument['spec']['ports'] {
  const nics = listNics(instance)
  return ports.map(({ metadata: { uid, name }, spec }, i) => {
    const slot = nics[i]?.slot
    return { uid, name, networkName: spec.networkRef.name, ...(slot === undefined ? {} : { slot }) }
  })
}

function grantOf({ bootId }: PlacedNode): Pick<InstanceDocument, 'grantedBootId'> {
  return bootId === undefined ? {} : { grantedBootId: bootId }
}

function doneToIt({
  action,
  rescue,
  consoles = [],
}: PlacedNode): Pick<InstanceDocument['spec'], 'action' | 'rescue' | 'consoles'> {
  return {
    ...(action === undefined ? {} : { action }),
    ...(rescue === undefined ? {} : { rescue }),
    ...(consoles.length === 0 ? {} : { consoles: [...consoles] }),
  }
}

function powerOf({ spec }: Instance): Pick<InstanceDocument['spec'], 'runState' | 'restartPolicy' | 'offlineRestart'> {
  const restartPolicy = spec.restartPolicy ?? 'OnFailure'
  return {
    runState: spec.runState ?? 'Running',
    restartPolicy,
    offlineRestart: mayStartAlone({ spec }),
  }
}
