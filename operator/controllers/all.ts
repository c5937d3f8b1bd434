// SPDX-License-Identifier: Apache-2.0
import type { ControllerDefinition } from '../../lib/loop/controller.ts'
import type { KubeObject } from '../../lib/kube/object.ts'
import { cloudController } from './cloud/controller.ts'
import type { OperatorDeps, OperatorInformers } from './common/deps.ts'
import { computeNodeController, nodeController, type NodeSettings } from './compute-node/controller.ts'
import { flavorController } from './flavor/controller.ts'
import { imageController } from './image/controller.ts'
import { instanceController } from './instance/controller.ts'
import { ipClaimController } from './ip-claim/controller.ts'
import { keyPairController } from './key-pair/controller.ts'
import { networkController } from './network/controller.ts'
import { portController } from './port/controller.ts'
import { securityGroupController } from './security-group/controller.ts'
import { storagePoolController } from './storage-pool/controller.ts'
import { subnetController } from './subnet/controller.ts'
import { volumeController } from './volume/controller.ts'
import { volumeTypeController } from './volume-type/controller.ts'

/** One controller a kind. */
export function defineControllers(deps: OperatorDeps, informers: OperatorInformers, settings: NodeSettings) {
  return {
    cloud: cloudController(deps),
    node: nodeController(deps),
    computeNode: computeNodeController(deps, informers, settings),
    flavor: flavorController(deps, informers),
    keyPair: keyPairController(deps, informers),
    storagePool: storagePoolController(deps, informers),
    volumeType: volumeTypeController(deps, informers),
    image: imageController(deps, informers),
    network: networkController(deps, informers),
    subnet: subnetController(deps, informers),
    securityGroup: securityGroupController(deps, informers),
    port: portController(deps, informers),
    ipClaim: ipClaimController(deps, informers),
    volume: volumeController(deps, informers),
    instance: instanceController(deps, informers),
  }
}

export type Definitions = ReturnType<typeof defineControllers>
export type ControllerName = keyof Definitions

/** For code that treats all alike. */
export function listDefinitions(definitions: Definitions): [ControllerName, ControllerDefinition<KubeObject>][] {
  return Object.entries(definitions) as unknown as [ControllerName, ControllerDefinition<KubeObject>][]
}
