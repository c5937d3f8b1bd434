// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod'
import { CONTRACT_VERSION } from './document-kinds.ts'
import { uid } from './fields.ts'

/** What the operator publishes on `events._cloud.<project>.<kind>`, such as that a machine is up. */
export const Notification = z.looseObject({
  v: z.literal(CONTRACT_VERSION),
  /** Nova's names where there is one: `instance.create.start`, `instance.create.end`, `instance.create.error`, … */
  eventType: z.string(),
  time: z.string(),
  kind: z.string(),
  namespace: z.string().optional(),
  name: z.string(),
  uid,
  before: z.looseObject({ state: z.string() }).optional(),
  after: z.looseObject({ state: z.string() }).optional(),
  payload: z.record(z.string(), z.unknown()),
})
export type Notification = z.infer<typeof Notification>
