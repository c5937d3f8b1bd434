// SPDX-License-Identifier: Apache-2.0
import { LOAD_BALANCER } from '../../lib/api/kinds.ts'
import type { LoadBalancer } from '../../lib/api/types.ts'
import type { Project } from './project.ts'
import { waitForObject } from './wait.ts'

/** LoadBalancer `web` of a project, once `isSo` holds of it; within a minute and a half, for a proxy may have to start. @param what is waited for */
export function untilBalancer(
  project: Project,
  what: string,
  isSo: (balancer: LoadBalancer) => boolean,
): Promise<LoadBalancer | undefined> {
  const accept = (found: LoadBalancer | undefined) => found !== undefined && isSo(found)
  const waited = { what, timeoutMs: 90_000 }
  return waitForObject<LoadBalancer>(project.test.client, LOAD_BALANCER, project.at('web'), accept, waited)
}
