// SPDX-License-Identifier: Apache-2.0
import type { Run } from '../../../lib/loop/controller.ts'
import type { OperatorDeps } from '../common/deps.ts'

export type InstanceDeps = OperatorDeps
export type InstanceRun = Pick<Run, 'client' | 'signal' | 'event' | 'now' | 'log' | 'key'>
