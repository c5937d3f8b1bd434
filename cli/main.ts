// SPDX-License-Identifier: Apache-2.0
// kubectl nephele: what people ask of a cloud beyond get, apply and describe. docs/kubectl-nephele.md
import { loadKubeConfig } from '../lib/kube/kubeconfig.ts'
import { HttpKubeClient } from '../lib/kube/http-client.ts'
import { ApiError, isUnreachable } from '../lib/kube/errors.ts'
import { parseArguments, type Arguments } from './command-line/arguments.ts'
import { UsageError, type Command, type Context } from './command-line/command.ts'
import { COMMANDS } from './commands/all.ts'
import { complete } from './complete.ts'
import { kubectlOf } from './command-line/kubectl.ts'
import { readHidden } from './command-line/read-hidden.ts'
import { terminalText } from './output/terminal-text.ts'

/** As sysexits and kubectl: 1 for what failed, 2 for what cannot be meant. */
const USAGE_CODE = 2
/** Whoever presses the tabulator waits no longer. */
const COMPLETION_MS = 5_000

function usage(): string {
  const width = Math.max(...COMMANDS.map(({ name, usage }) => `${name} ${usage}`.length))
  return [
    'kubectl nephele COMMAND',
    '',
    ...COMMANDS.map(({ name, usage, summary }) => `  ${`${name} ${usage}`.padEnd(width)}   ${summary}`),
    '',
    'KIND NAME may be KIND/NAME, and a NAME alone is an Instance.',
    'Options: -n NAMESPACE, -A (all namespaces), -o table|wide|json|yaml, --wait=false, --timeout=5m, --kubeconfig FILE, --context NAME',
  ].join('\n')
}

function findCommand({
  words: [name, ...words],
  rest,
  isHard,
  isForced,
  isWeb,
  lines,
  image,
  snapshot,
  restore,
}: Pick<Arguments, 'words' | 'rest' | 'isHard' | 'isForced' | 'isWeb' | 'lines' | 'image' | 'snapshot' | 'restore'>): {
  command: Command
  words: string[]
} {
  const command = COMMANDS.find((one) => one.name === name)
  if (!command) throw new UsageError(`there is no command "${name ?? ''}"\n\n${usage()}`)
  const { least, most } = command.arguments
  const isTooMuch =
    (rest.length > 0 && command.takesRest !== true) ||
    (isHard && command.takesHard !== true) ||
    (isForced && command.takesForce !== true) ||
    (isWeb && command.takesWeb !== true) ||
    (lines !== undefined && command.takesLines !== true) ||
    (image !== undefined && command.takesImage !== true) ||
    (Object.keys(snapshot).length > 0 && command.takesSnapshot !== true) ||
    ((restore.isDryRun || restore.lostNodes.length > 0) && command.takesRestore !== true)
  if (words.length < least || words.length > most || isTooMuch)
    throw new UsageError(`usage: kubectl nephele ${command.name} ${command.usage}`)
  return { command, words }
}

async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] === '__complete') return tellCompletions(argv.slice(1))
  const given = parseArguments(argv)
  if (given.help || given.words.length === 0 || given.words[0] === 'help') {
    console.log(usage())
    return 0
  }
  const { command, words } = findCommand(given)
  const interrupted = new AbortController()
  process.once('SIGINT', () => interrupted.abort())
  const { context, close } = connect(given, interrupted.signal)
  try {
    return await command.run(context, words, given.rest)
  } catch (error) {
    if (interrupted.signal.aborted) return 130
    throw error
  } finally {
    context.progress('')
    await close()
  }
}

/** Nobody reads an error while completing: then nothing is offered. */
async function tellCompletions(words: readonly string[]): Promise<number> {
  try {
    // What stands before has its options, such as -n; the last word is not whole yet.
    const given = parseArguments(words.slice(0, -1))
    const { context, close } = connect(given, AbortSignal.timeout(COMPLETION_MS))
    try {
      for (const line of await complete(context, given.words, words.at(-1) ?? '')) console.log(line)
    } finally {
      await close()
    }
    return 0
  } catch {
    return 1
  }
}

function connect(given: Arguments, signal: AbortSignal): { context: Context; close: () => Promise<void> } {
  const config = loadKubeConfig(given.kubeconfig)
  if (given.context !== undefined) {
    if (!config.getContexts().some(({ name }) => name === given.context))
      throw new UsageError(`there is no context "${given.context}" in the kubeconfig`)
    config.setCurrentContext(given.context)
  }
  const client = new HttpKubeClient(config)
  const context: Context = {
    ...{ client, kubectl: kubectlOf(given), signal, now: new Date(), isEverywhere: given.isEverywhere },
    namespace: given.namespace ?? config.getContextObject(config.getCurrentContext())?.namespace ?? 'default',
    ...{
      output: given.output,
      waits: given.waits,
      timeoutMs: given.timeoutMs,
      isHard: given.isHard,
      isForced: given.isForced,
      isWeb: given.isWeb,
      snapshot: given.snapshot,
      restore: given.restore,
    },
    ...(given.lines === undefined ? {} : { lines: given.lines }),
    ...(given.image === undefined ? {} : { image: given.image }),
    readHidden,
    print: (line) => console.log(line),
    progress: showProgress,
  }
  return { context, close: () => client.close() }
}

/** On a terminal alone: one line, written over by the next; logs of pipelines are spared. */
function showProgress(line: string): void {
  if (!process.stderr.isTTY) return
  const width = Math.max(20, process.stderr.columns) - 1
  process.stderr.write(`\r\u{1b}[K${terminalText(line).slice(0, width)}`)
}

function tell(error: unknown): number {
  if (error instanceof UsageError) console.error(error.message)
  else if (error instanceof ApiError || isUnreachable(error)) console.error(`error: ${error.message}`)
  else console.error(error)
  return error instanceof UsageError ? USAGE_CODE : 1
}

process.exitCode = await main(process.argv.slice(2)).catch(tell)
