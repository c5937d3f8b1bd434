// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs'
import { FLOATING_IP, INSTANCE, LOAD_BALANCER, NETWORK, PORT, ROUTER, SUBNET } from '../../lib/api/kinds.ts'
import type { FloatingIP, Instance, LoadBalancer, Network, Port, Router, Subnet } from '../../lib/api/types.ts'
import { UsageError, type Command, type Context } from '../command-line/command.ts'
import { printData } from '../output/print-data.ts'
import { svgOf } from '../topology/svg.ts'
import { textOf } from '../topology/text.ts'
import { topologyOf, type Found } from '../topology/topology.ts'

export const diagram: Command = {
  name: 'diagram',
  usage: '[FILE.svg]',
  summary: 'the networks of a project as a tree, or as a picture into a file',
  arguments: { least: 0, most: 1 },
  async run(context, [file]) {
    if (file !== undefined && !file.endsWith('.svg')) throw new UsageError(`${file}: a name that ends in .svg`)
    const nodes = topologyOf(context.namespace, await findAll(context))
    if (file !== undefined) {
      writeFileSync(file, svgOf(nodes, `Networks of ${context.namespace}`))
      context.print(`${file} has the networks of ${context.namespace}`)
    } else if (!printData(context, nodes)) {
      for (const line of textOf(nodes)) context.print(line)
      if (nodes.length === 0) context.print(`no networks in namespace "${context.namespace}" (-n chooses another)`)
    }
    return 0
  },
}

async function findAll({ client, namespace, signal }: Context): Promise<Found> {
  const scope = { namespace, signal }
  const [networks, subnets, routers, instances, ports, floatingIPs, loadBalancers] = await Promise.all([
    client.list<Network>(NETWORK, scope),
    client.list<Subnet>(SUBNET, scope),
    client.list<Router>(ROUTER, scope),
    client.list<Instance>(INSTANCE, scope),
    client.list<Port>(PORT, scope),
    client.list<FloatingIP>(FLOATING_IP, scope),
    client.list<LoadBalancer>(LOAD_BALANCER, scope),
  ])
  return { networks, subnets, routers, instances, ports, floatingIPs, loadBalancers }
}
