// SPDX-License-Identifier: Apache-2.0
// Pages of metrics as Prometheus would scrape them, of the cloud's own processes.
import { get } from 'node:http'
import { addressesOf } from '../../local/cloud/definition.ts'
import { OPERATOR_HTTP_PORT } from '../../local/cloud/layout.ts'
import type { TestCloud } from './cloud.ts'

/** By series, as the page writes it: `name{label="value"}`. */
export type Metrics = ReadonlyMap<string, number>

export async function operatorMetrics({ cloud }: TestCloud): Promise<Metrics> {
  const { host } = addressesOf(cloud.state.subnet)
  return parse(await (await fetch(`http://${host}:${OPERATOR_HTTP_PORT}/metrics`)).text())
}

/** From the socket on the node, without the process that passes it on in a cluster. */
export async function agentMetrics({ cloud }: TestCloud, node: string): Promise<Metrics> {
  const socketPath = `/proc/${cloud.node(node).pid}/root/run/nephele/metrics/agent.sock`
  return parse(
    await new Promise<string>((resolve, reject) => {
      get({ socketPath, path: '/metrics', timeout: 10_000 }, (answer) => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (chunk: string) => (text += chunk))
        answer.on('end', () => resolve(text))
        answer.on('error', reject)
      }).on('error', reject)
    }),
  )
}

function parse(page: string): Metrics {
  const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}
