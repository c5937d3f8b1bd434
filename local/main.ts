// SPDX-License-Identifier: Apache-2.0
// `npm run cloud [-- COMMAND]`: the local cloud. Every command works on one cloud, `default` unless --name says otherwise.
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { programPath } from './build/programs.ts'
import { openCloud } from './cloud/cloud.ts'
import { down } from './cloud/down.ts'
import { checkCloudName, DEFAULT_CLOUD, readComputeNodes, readDpdkNodes } from './cloud/definition.ts'
import { operatorEnvironment } from './cloud/processes.ts'
import { up } from './cloud/up.ts'
import { runCloud } from './commands/cloud.ts'
import { openConsole } from './commands/console.ts'
import { installIntoCluster } from './commands/install.ts'
import { showLogs, showNodes, showStatus } from './commands/show.ts'
import { openSsh } from './commands/ssh.ts'
import { createProgress, StepError } from './host/progress.ts'
import { buildPrograms } from './cloud/prepare.ts'

const USAGE = `npm run cloud                        a local cloud with the machines of examples/first-machine
npm run cloud -- up                  the cloud alone; what is up already stays
           up --no-operator          without the operator, and the environment to start one by hand
           up --compute-nodes N
           up --dpdk-nodes N         N of the compute nodes have a switch on DPDK; the host keeps hugepages for them until down
npm run cloud -- down                ends it and removes all of it, machines' disks included
npm run cloud -- status              its processes, nodes and machines; exit code 1 when one is down
npm run cloud -- nodes               its nodes
npm run cloud -- kubeconfig          path of the administrator's kubeconfig
npm run cloud -- kubectl ARGS...     kubectl on it, built the first time
npm run cloud -- logs [NAME]         its logs, or the end of one
npm run cloud -- console MACHINE     a machine's serial console (Ctrl-] leaves it)
npm run cloud -- ssh MACHINE [-- COMMAND...]
npm run cloud -- --kubeconfig FILE [--values FILE]...
                                     installs the Helm chart into the cluster of that file instead
options: --name CLOUD (default: default)   -n, --namespace NAMESPACE (of a machine; default: first-machine)`

const print = (line: string) => void process.stdout.write(`${line}\n`)

async function main(argv: string[]): Promise<number> {
  // Everything behind `kubectl` is kubectl's.
  const split = argv.indexOf('kubectl')
  const { values, positionals } = parseArgs({
    args: split < 0 ? argv : argv.slice(0, split + 1),
    allowPositionals: true,
    options: {
      name: { type: 'string', default: DEFAULT_CLOUD },
      namespace: { type: 'string', short: 'n', default: 'first-machine' },
      kubeconfig: { type: 'string' },
      values: { type: 'string', multiple: true },
      'compute-nodes': { type: 'string', default: '2' },
      'dpdk-nodes': { type: 'string' },
      'no-operator': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const name = checkCloudName(values.name)
  const progress = createProgress()
  const [command, machine, ...rest] = positionals
  if (values.help) {
    print(USAGE)
    return 0
  }
  if (values.kubeconfig !== undefined && command === undefined) {
    await installIntoCluster({ kubeconfig: values.kubeconfig, values: values.values ?? [] }, progress, print)
    return 0
  }
  const computeNodes = readComputeNodes(values['compute-nodes'])
  const asked = values['dpdk-nodes']
  const shape = { computeNodes, ...(asked === undefined ? {} : { dpdkNodes: readDpdkNodes(asked, computeNodes) }) }
  const needMachine = () => {
    if (machine === undefined) throw new Error(`which machine? npm run cloud -- ${command ?? ''} NAME`)
    return machine
  }
  switch (command) {
    case undefined:
      await runCloud({ name, ...shape }, progress, print)
      return 0
    case 'up': {
      const operator = !values['no-operator']
      const { cloud } = await up({ name, ...shape, operator, progress })
      print(`export KUBECONFIG=${cloud.kubeconfigPath}`)
      if (operator) return 0
      print('# the operator is yours to start, with this environment:')
      const environment = operatorEnvironment(cloud.layout, cloud.state.subnet)
      for (const [variable, value] of Object.entries(environment)) print(`export ${variable}=${value}`)
      return 0
    }
    case 'down':
      if (!(await down(name, progress))) print(`there is no cloud "${name}"`)
      return 0
    case 'status':
      return (await showStatus(name, print)) ? 0 : 1
    case 'nodes':
      showNodes(name, print)
      return 0
    case 'kubeconfig':
      print(openCloud(name).kubeconfigPath)
      return 0
    case 'kubectl': {
      const args = ['--kubeconfig', openCloud(name).kubeconfigPath, ...argv.slice(split + 1)]
      await buildPrograms(['kubectl'], progress)
      return spawnSync(await programPath('kubectl'), args, { stdio: 'inherit' }).status ?? 1
    }
    case 'logs':
      showLogs(name, machine, print)
      return 0
    case 'console':
      return openConsole(name, values.namespace, needMachine())
    case 'ssh':
      return openSsh({ cloud: name, namespace: values.namespace, instance: needMachine(), command: rest })
    default:
      process.stderr.write(`no such command: ${command}\n${USAGE}\n`)
      return 2
  }
}

function isUsageError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (isUsageError(error)) {
    // Node's sentence about the option, without its advice on positional arguments.
    process.stderr.write(`${error.message.split('. ')[0] ?? ''}\n${USAGE}\n`)
    process.exit(2)
  }
  const failed = error instanceof StepError ? `failed: ${error.step}\n` : ''
  const log = error instanceof StepError && error.logFile !== undefined ? `\nlog: ${error.logFile}` : ''
  process.stderr.write(`${failed}${error instanceof Error ? error.message : String(error)}${log}\n`)
  if (process.env['DEBUG']) console.error(error)
  process.exitCode = 1
}
