// SPDX-License-Identifier: Apache-2.0
import type { NetworkDriver } from './network-driver.ts'

/** All of a driver's methods as a plain object, for one that changes some of them. */
export function delegateTo(network: NetworkDriver): NetworkDriver {
  return {
    name: network.name,
    claimTerm: (incarnation, term, signal) => network.claimTerm(incarnation, term, signal),
    ensure: (want, signal) => network.ensure(want, signal),
    remove: (kind, uid, signal) => network.remove(kind, uid, signal),
    listOwned: (signal) => network.listOwned(signal),
    onDisturbance: (listener) => network.onDisturbance(listener),
    onMade: (listener) => network.onMade(listener),
    health: () => network.health(),
    onHealth: (listener) => network.onHealth(listener),
    listTaken: () => network.listTaken(),
    onTaken: (listener) => network.onTaken(listener),
    isClaimed: (uid, node) => network.isClaimed(uid, node),
    virtualHolderOf: (uid) => network.virtualHolderOf(uid),
    gatewayNodeOf: (routerUid) => network.gatewayNodeOf(routerUid),
    onGatewayMoves: (listener) => network.onGatewayMoves(listener),
    onUnreportedClaims: (listener) => network.onUnreportedClaims(listener),
    probeOf: (member) => network.probeOf(member),
    nextHopOf: (hop) => network.nextHopOf(hop),
    onNextHops: (listener) => network.onNextHops(listener),
    hasProbes: () => network.hasProbes(),
    onProbes: (listener) => network.onProbes(listener),
    trace: (packet, signal) => network.trace(packet, signal),
  }
}
