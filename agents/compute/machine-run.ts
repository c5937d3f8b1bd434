// SPDX-License-Identifier: Apache-2.0
import type { InstanceDocument } from '../../lib/contract/documents.ts'
import type { RunContext } from '../runtime/reconciler.ts'
import type { BackendInstance, InstanceDriver, InstanceWant } from './instance-driver.ts'
import type { RootDisk } from './root-disk.ts'

export interface Run {
  document: InstanceDocument
  context: RunContext
  driver: InstanceDriver
  want: InstanceWant
  /** What it would be with another root disk. */
  wantWith: (root: RootDisk) => InstanceWant
}

/** The machine after a step, and what failed of it. */
export interface Step {
  instance: BackendInstance
  trouble?: unknown
}
