// SPDX-License-Identifier: Apache-2.0
import { CLOUD_NAME } from '../../../lib/api/kinds.ts'
import type { Cloud, Network } from '../../../lib/api/types.ts'
import type { Cache } from '../../../lib/informer/cache.ts'

/** As the schema has it, for a Cloud that does not exist. */
const DEFAULT_DOMAIN = 'nephele.internal'

/** Domain of the names by which machines of the network find each other. */
export function dnsDomainOf({ spec }: Pick<Network, 'spec'>, clouds: Cache<Cloud>): string {
  return spec.dnsDomain ?? clouds.find(undefined, CLOUD_NAME)?.spec.dns?.domain ?? DEFAULT_DOMAIN
}
