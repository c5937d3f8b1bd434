// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod'
import { BalancerSpec } from './balancer-spec.ts'
import { ProbeSpec } from './probe.ts'
import { ImageCopySpec } from './image-copy.ts'
import { ImageSpec, InstanceSpec, NodeSpec, PortSpec, VolumeSpec } from './specs.ts'
import { VpnSpec } from './vpn.ts'

export const CONTRACT_VERSION = 1
export const MAX_DOCUMENT_BYTES = 256 * 1024

interface DocumentRow {
  spec: z.ZodType
  /**
   * What the node has of it. An `original` exists once: losing it is somebody's loss, without a resource it is an orphan, and its end is
   * waited for. A `copy` may go at any time; `itself` is the node, which comes and goes with the Kubernetes Node.
   */
  holds: 'original' | 'copy' | 'itself'
  /** What an agent may report. `refused`: only another document can help; `failed`: it keeps trying. */
  states: readonly string[]
}

/** What a node can hold, declared once: schemas, tombstones, orphans, releases and what can prove a restore all derive from it. */
export const DOCUMENTS = {
  node: { spec: NodeSpec, holds: 'itself', states: ['ready', 'degraded', 'gone'] },
  image: { spec: ImageSpec, holds: 'copy', states: ['downloading', 'ready', 'failed', 'refused', 'gone'] },
  imagecopy: { spec: ImageCopySpec, holds: 'original', states: ['fetching', 'ready', 'failed', 'refused', 'gone'] },
  volume: { spec: VolumeSpec, holds: 'original', states: ['creating', 'available', 'failed', 'refused', 'gone'] },
  port: { spec: PortSpec, holds: 'original', states: ['plugging', 'active', 'failed', 'refused', 'gone'] },
  balancer: { spec: BalancerSpec, holds: 'original', states: ['starting', 'active', 'failed', 'refused', 'gone'] },
  vpn: { spec: VpnSpec, holds: 'original', states: ['starting', 'ready', 'failed', 'refused', 'gone'] },
  probe: { spec: ProbeSpec, holds: 'copy', states: ['sending', 'done', 'failed', 'refused', 'gone'] },
  instance: {
    spec: InstanceSpec,
    holds: 'original',
    states: [
      'waiting',
      'building',
      'running',
      'stopped',
      'paused',
      'suspended',
      'crashed',
      'failed',
      'refused',
      'gone',
    ],
  },
} as const satisfies Record<string, DocumentRow>

export type DocumentKind = keyof typeof DOCUMENTS
export const DOCUMENT_KINDS = Object.keys(DOCUMENTS) as DocumentKind[]
export const DocumentKind = z.enum(DOCUMENT_KINDS)
export type ObservedState<K extends DocumentKind = DocumentKind> = (typeof DOCUMENTS)[K]['states'][number]
