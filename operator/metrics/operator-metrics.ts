// SPDX-License-Identifier: Apache-2.0
// All that /metrics of the operator shows beside what the loop counts: made in one place, for the process and for whoever lists metrics.
import type { Informers } from '../../lib/informer/informers.ts'
import type { LoopMetrics } from '../../lib/loop/metrics.ts'
import { registerBuildInfo } from '../../lib/metrics/build-info.ts'
import { BusMetrics } from '../../lib/metrics/bus-metrics.ts'
import { CertificateMetrics } from '../../lib/metrics/certificate-metrics.ts'
import type { LoginOutcome } from '../auth/call-out.ts'
import type { Excess } from '../bus/bus.ts'
import type { NodeLoads } from '../bus/node-loads.ts'
import { cachesOf } from '../kind/informers.ts'
import type { OperatorInformers } from '../kind/row.ts'
import { registerNodeMetrics } from './node-metrics.ts'
import { OvnMetrics } from './ovn-metrics.ts'
import { registerStateMetrics } from './state-metrics.ts'
import { registerStorageMetrics } from './storage-metrics.ts'

interface Sources {
  informers: Pick<Informers, 'sizes' | 'silences'>
  watched: OperatorInformers
  loads: NodeLoads
  version: string
}

/** A series that begins with its first event has no increase then: those that alerts look at are there from the start. */
const EXCESSES: Record<Excess, 0> = { Documents: 0, Bytes: 0, Unasked: 0, Words: 0, Beats: 0 }
const OUTCOMES: Record<LoginOutcome, 0> = { allowed: 0, refused: 0, failed: 0, crowded: 0 }

export interface OperatorMetrics {
  bus: BusMetrics
  certificates: CertificateMetrics
  ovn: OvnMetrics
}

export function registerOperatorMetrics(
  metrics: Pick<LoopMetrics, 'registry' | 'cacheSizes' | 'watchAges' | 'busExcess' | 'busLogins'>,
  { informers, watched, loads, version }: Sources,
): OperatorMetrics {
  const { registry } = metrics
  registerBuildInfo(registry, 'operator', version)
  metrics.cacheSizes(() => informers.sizes())
  metrics.watchAges(() => informers.silences())
  for (const excess of Object.keys(EXCESSES)) metrics.busExcess.inc({ excess }, 0)
  for (const outcome of Object.keys(OUTCOMES)) metrics.busLogins.inc({ outcome }, 0)
  loads.register(registry)
  registerNodeMetrics(registry, cachesOf(watched))
  registerStateMetrics(registry, watched)
  registerStorageMetrics(registry, cachesOf(watched), watched.volumes)
  return {
    bus: new BusMetrics(registry),
    certificates: new CertificateMetrics(registry),
    ovn: new OvnMetrics(registry),
  }
}
