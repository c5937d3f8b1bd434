// SPDX-License-Identifier: Apache-2.0
import { CLOUD } from '../../lib/api/kinds.ts'
import type { TestCloud } from './cloud.ts'

/** Seconds after which a silent node counts as down while `hurryHeartbeats` is in force. */
const QUICK = { intervalSeconds: 2, missesBeforeDown: 3 }

/** A node's silence is told after six seconds and not after half a minute, until the returned function is called. */
export async function hurryHeartbeats({ client }: TestCloud): Promise<() => Promise<void>> {
  const set = async (heartbeat: object | null) => {
    await client.mergePatch(CLOUD, { name: 'default' }, { spec: { heartbeat } })
  }
  await set(QUICK)
  return () => set(null)
}
