// SPDX-License-Identifier: Apache-2.0
// Documents and run contexts for tests of the compute role.
import { randomUUID } from 'node:crypto'
import { pino } from 'pino'
import type { InstanceDocument, InstanceSpec, PortDocument, Tombstone } from '../../lib/contract/documents.ts'
import type { ComputePaths } from './paths.ts'
import type { NodeState, Observation, RunContext } from '../runtime/reconciler.ts'

/** Where an agent has them by default. */
export const DEFAULT_PATHS: ComputePaths = { dataDir: '/var/lib/nephele', runDir: '/run/nephele' }

export const IMAGE_UID = 'dddddddd-0000-4000-8000-000000000000'

interface TestImage {
  sha256: string
  format: 'raw' | 'qcow2'
  virtualSizeBytes: number
}

export function instanceDocument(
  overrides: Partial<Omit<InstanceSpec, 'image'>> & { uid?: string; image?: Partial<TestImage> } = {},
): InstanceDocument {
  const { uid, image, ...spec } = overrides
  return {
    v: 1,
    kind: 'instance',
    uid: uid ?? randomUUID(),
    node: 'n1',
    namespace: 'team-a',
    name: 'vm1',
    versions: { incarnation: 1, term: 1, epoch: 1, generation: 1 },
    tombstone: false,
    spec: {
      hostname: 'vm1',
      project: 'team-a',
      runState: 'Running',
      restartPolicy: 'OnFailure',
      offlineRestart: false,
      vcpus: 1,
      memoryMiB: 128,
      rootDiskGiB: 0,
      ephemeralGiB: 0,
      swapMiB: 0,
      requireKvm: false,
      image: {
        uid: IMAGE_UID,
        sha256: image?.sha256 ?? '0'.repeat(64),
        format: image?.format ?? 'raw',
        properties: {},
      },
      ports: [],
      volumes: [],
      configDrive: false,
      publicKeys: [],
      metadata: {},
      ...spec,
    },
  }
}

export function tombstoneOf(document: InstanceDocument): Tombstone {
  const { v, kind, uid, node, name, versions } = document
  return { v, kind, uid, node, name, versions, tombstone: true }
}

export interface ContextOptions {
  /** Observed as ready. */
  image?: TestImage
  ports?: readonly PortDocument[]
  observedPorts?: Record<string, Observation>
  /** All machines of the node. */
  machines?: readonly (InstanceDocument | Tombstone)[]
  /** The last report on the machine itself. */
  last?: Observation
  bootId?: string
  grantedBootId?: string
  onReport?: (observation: Observation) => void
  onListed?: (volumes: readonly string[]) => void
  onRunAgainWithin?: (ms: number) => void
}

export function runContext(options: ContextOptions): RunContext {
  const { image, ports = [], bootId = 'boot-1', grantedBootId = 'boot-1' } = options
  const state: NodeState = {
    find: ((kind: string, uid: string) =>
      kind === 'port' ? ports.find((port) => port.uid === uid) : undefined) as NodeState['find'],
    list: ((kind: string) => (kind === 'instance' ? (options.machines ?? []) : [])) as NodeState['list'],
    findObserved: (kind, uid) => {
      if (kind === 'port') return options.observedPorts?.[uid]
      if (kind === 'instance') return options.last
      if (kind !== 'image' || !image) return undefined
      return { state: 'ready', facts: { sha256: image.sha256, virtualSizeBytes: image.virtualSizeBytes } }
    },
  }
  return {
    node: 'n1',
    bootId,
    grantedBootId,
    state,
    signal: new AbortController().signal,
    log: pino({ level: 'silent' }),
    report: (observation) => options.onReport?.(observation),
    listed: (volumes) => options.onListed?.(volumes),
    leaveSlot: () => undefined,
    runAgainWithin: (ms) => options.onRunAgainWithin?.(ms),
  }
}
