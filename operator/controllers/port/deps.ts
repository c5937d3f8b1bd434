// SPDX-License-Identifier: Apache-2.0
import type { Run } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'

export type PortDeps = Pick<
  OperatorDeps,
  'caches' | 'bus' | 'network' | 'addresses' | 'subnetArrivals' | 'releases' | 'regression' | 'writer'
>
export type PortRun = Pick<Run, 'client' | 'signal' | 'event' | 'now'>
