// SPDX-License-Identifier: Apache-2.0
import type { Notification } from '../../../lib/contract/documents.ts'

/** A notification, and an id that stays the same when it is sent again. */
export interface Notice {
  notification: Notification
  id: string
}
