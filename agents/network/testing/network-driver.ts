// SPDX-License-Identifier: Apache-2.0
import { parseRemotes } from '../../../lib/ovsdb/remote.ts'
import { OvnNetworkDriver, type OvnNetworkDriverOptions } from '../../../operator/network/ovn/ovn-network-driver.ts'
import type { TestCluster } from './cluster.ts'

/** The operator's side of the cluster's OVN: it may write, and sees who claims what. To be closed before the cluster stops. */
export async function startNetworkDriver(
  cluster: TestCluster,
  more: Pick<OvnNetworkDriverOptions, 'claimPatienceMs'> = {},
): Promise<OvnNetworkDriver> {
  const driver = new OvnNetworkDriver({
    remotes: [{ transport: 'unix', path: cluster.northboundSocket }],
    southbound: { remotes: parseRemotes(cluster.southboundReader), tls: () => cluster.readerIdentity },
    ...more,
  })
  driver.start(new AbortController().signal)
  await driver.claimTerm(1, 1, AbortSignal.timeout(20_000))
  return driver
}
