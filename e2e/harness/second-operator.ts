// SPDX-License-Identifier: Apache-2.0
// Another replica of the operator beside the cloud's own, with the same account, keys and permissions: as a Deployment runs them.
import { programPath } from '../../local/build/programs.ts'
import { addressesOf } from '../../local/cloud/definition.ts'
import { hostCommand } from '../../local/cloud/processes.ts'
import { freePorts } from '../../local/host/free-port.ts'
import { isRunning, startProcess, type StartedProcess } from '../../local/host/process.ts'
import type { TestCloud } from './cloud.ts'
import { waitUntilTrue } from './wait.ts'

export const SECOND_IDENTITY = 'second-operator'

export interface Replica {
  process: StartedProcess
  /** Of /readyz and /metrics. */
  url: string
}

/** Returns when it is ready; it stands for election by then. The caller ends it. */
export async function startSecondOperator({ cloud }: TestCloud): Promise<Replica> {
  const { layout, state } = cloud
  const command = hostCommand('operator', {
    layout,
    subnet: state.subnet,
    natsServer: await programPath('nats-server'),
  })
  const { host } = addressesOf(state.subnet)
  const [port] = await freePorts(1, host)
  const address = `${host}:${port}`
  const process = await startProcess({
    name: SECOND_IDENTITY,
    argv: command.argv,
    env: { ...command.env, NEPHELE_IDENTITY: SECOND_IDENTITY, NEPHELE_HTTP_ADDRESS: address },
    logFile: layout.log(SECOND_IDENTITY),
    endsWithUs: true,
  })
  const url = `http://${address}`
  await waitUntilTrue('the second operator', async () => {
    if (!isRunning(process)) throw new Error(`it ended: ${process.logFile}`)
    return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) })).ok || undefined
  })
  return { process, url }
}
