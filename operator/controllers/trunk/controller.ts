// SPDX-License-Identifier: Apache-2.0
import { FINALIZER, TRUNK } from '../../../lib/api/kinds.ts'
import type { Instance, Network, Port, Trunk } from '../../../lib/api/types.ts'
import { keyOfObject, type ObjectKey } from '../../../lib/kube/object.ts'
import { watchOf, type ControllerDefinition } from '../../../lib/loop/controller.ts'
import { targetKeysOf } from '../../kind/references.ts'
import type { OperatorInformers } from '../../kind/row.ts'
import type { OperatorDeps } from '../common/deps.ts'
import { port as portOfMachine } from '../instance/kind.ts'
import { parent, subport } from './kind.ts'
import { reconcileTrunk } from './reconcile.ts'

export function trunkController(deps: OperatorDeps, informers: OperatorInformers): ControllerDefinition<Trunk> {
  const { ports, trunks } = deps.caches
  const naming = (portKeys: readonly ObjectKey[]): ObjectKey[] =>
    portKeys.flatMap((key) => [...trunks.listBy('parent', key), ...trunks.listBy('subport', key)]).map(keyOfObject)
  return {
    name: 'trunk',
    kind: TRUNK,
    finalizer: FINALIZER,
    // One at a time: two that ask for one Port see each other.
    concurrency: 1,
    watches: [
      // One that has a Port, or had it, and others that ask for it.
      watchOf(informers.trunks, (trunk) => {
        const keys = naming([...targetKeysOf(parent, trunk), ...targetKeysOf(subport, trunk)])
        return keys.filter((key) => key !== keyOfObject(trunk))
      }),
      // A Port that is on it, whether it still names that or not.
      watchOf(informers.ports, ({ status }: Port) => {
        const trunk = status?.trunk && trunks.findByUid(status.trunk.uid)
        return trunk ? [keyOfObject(trunk)] : []
      }),
      // A machine that names a Port as an interface.
      watchOf(informers.instances, (instance: Instance) => naming(targetKeysOf(portOfMachine, instance))),
      {
        ...watchOf(informers.networks, (network) =>
          naming(ports.listBy('network', keyOfObject(network)).map(keyOfObject)),
        ),
        when: (old, now) => (old as Network).status?.mtu !== (now as Network).status?.mtu,
      },
    ],
    reconcile: async (trunk) => reconcileTrunk(trunk, deps),
    errorState: 'ERROR',
  }
}
