// SPDX-License-Identifier: Apache-2.0
// A small SDN controller, one process on each node: an Ethernet segment for each Network whose status names it, over VXLAN between the
// nodes. It needs Node.js, Open vSwitch's tools and the switch's sockets; it reads the cloud and writes to its own switch alone.
import { parseArgs } from 'node:util'
import { readCloud } from './kubernetes.ts'
import { planProgram } from './plan.ts'
import { ensureBridge, ensureTunnels, listInterfaces, replaceFlows, say } from './switch.ts'

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'
const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '443', NODE_NAME = '' } = process.env
const { values } = parseArgs({
  options: {
    node: { type: 'string', default: NODE_NAME },
    controller: { type: 'string', default: 'l2.example.com/vxlan' },
    bridge: { type: 'string', default: 'br-sdn' },
    server: { type: 'string', default: `https://${host}:${port}` },
    token: { type: 'string', default: `${ACCOUNT}/token` },
    'most-ports': { type: 'string', default: '64' },
  },
})
const { node, controller, bridge, server, token } = values
const LOOK_EVERY_MS = 1_000
/** The switch forgets its flows when it starts again: they are compared with what it has so often, and after each change. */
const COMPARE_EVERY = 10

let told = ''
const tell = (line: string): void => {
  if (line === told) return
  told = line
  process.stdout.write(`${node}: ${line}\n`)
}

async function look(turn: number, last: string): Promise<string> {
  await ensureBridge(bridge)
  const [cloud, interfaces] = await Promise.all([
    readCloud({ url: server, tokenFile: token }, controller),
    listInterfaces(controller),
  ])
  const tunnels = await ensureTunnels(bridge, cloud.peers.filter((peer) => peer.node !== node)) // prettier-ignore
  const program = planProgram({ ...cloud, node, interfaces, tunnels, mostPorts: Number(values['most-ports']) })
  const flows = program.flows.join('\n')
  // First the flows, then the word.
  if (flows !== last || turn % COMPARE_EVERY === 0) await replaceFlows(bridge, program.flows)
  for (const one of interfaces) {
    const refused = program.words.get(one.name)
    if (await say(one, controller, refused))
      tell(`${one.portUid} ${refused === undefined ? 'programmed' : `refused: ${refused}`}`)
  }
  if (turn === 0) tell('ready')
  return flows
}

let flows = ''
for (let turn = 0; ; turn++) {
  try {
    flows = await look(turn, flows)
  } catch (error) {
    // What is programmed stays, and it is tried again.
    tell(error instanceof Error ? error.message : String(error))
    flows = ''
    if (turn === 0) turn = -1
  }
  await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
}
