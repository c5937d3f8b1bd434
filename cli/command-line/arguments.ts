// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util'
import { OUTPUT_FORMATS, UsageError, type OutputFormat, type RestoreOptions, type SnapshotOptions } from './command.ts'

export interface Arguments {
  /** The command and its words; `rest` is what follows `--`. */
  words: readonly string[]
  rest: readonly string[]
  kubeconfig?: string
  context?: string
  namespace?: string
  isEverywhere: boolean
  output: OutputFormat
  waits: boolean
  timeoutMs: number
  isHard: boolean
  isForced: boolean
  isWeb: boolean
  lines?: number
  image?: string
  snapshot: SnapshotOptions
  restore: RestoreOptions
  help: boolean
}

const OPTIONS = {
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  namespace: { type: 'string', short: 'n' },
  'all-namespaces': { type: 'boolean', short: 'A' },
  output: { type: 'string', short: 'o' },
  wait: { type: 'string' },
  timeout: { type: 'string' },
  hard: { type: 'boolean' },
  force: { type: 'boolean' },
  web: { type: 'boolean' },
  lines: { type: 'string' },
  image: { type: 'string' },
  'image-name': { type: 'string' },
  store: { type: 'string' },
  quiesce: { type: 'string' },
  backup: { type: 'string' },
  keep: { type: 'string' },
  'dry-run': { type: 'boolean' },
  'lost-node': { type: 'string', multiple: true },
  help: { type: 'boolean', short: 'h' },
} as const

const DEFAULT_TIMEOUT_MS = 5 * 60_000
const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }

/** As kubectl takes them, before and after the command. @throws UsageError */
export function parseArguments(argv: readonly string[]): Arguments {
  const end = argv.indexOf('--')
  const [own, rest] = end < 0 ? [argv, []] : [argv.slice(0, end), argv.slice(end + 1)]
  const { values, positionals } = parse(own)
  const output = values.output ?? 'table'
  if (!isFormat(output)) throw new UsageError(`-o ${output}: one of ${OUTPUT_FORMATS.join(', ')}`)
  if (values.wait !== undefined && values.wait !== 'true' && values.wait !== 'false')
    throw new UsageError(`--wait=${values.wait}: true or false`)
  return {
    ...{ words: positionals, rest, output, isEverywhere: values['all-namespaces'] ?? false },
    ...{
      waits: values.wait !== 'false',
      timeoutMs: toMs(values.timeout),
      isHard: values.hard ?? false,
      isForced: values.force ?? false,
      isWeb: values.web ?? false,
      snapshot: toSnapshot(values),
      restore: { isDryRun: values['dry-run'] ?? false, lostNodes: values['lost-node'] ?? [] },
      help: values.help ?? false,
    },
    ...(values.lines === undefined ? {} : { lines: toLines(values.lines) }),
    ...(values.image === undefined ? {} : { image: values.image }),
    ...(values.kubeconfig === undefined ? {} : { kubeconfig: values.kubeconfig }),
    ...(values.context === undefined ? {} : { context: values.context }),
    ...(values.namespace === undefined ? {} : { namespace: values.namespace }),
  }
}

/** @throws UsageError */
function toLines(text: string): number {
  if (!/^[1-9][0-9]{0,7}$/.test(text)) throw new UsageError(`--lines=${text}: how many, from 1 on`)
  return Number(text)
}

/** @throws UsageError */
function toSnapshot(values: ReturnType<typeof parse>['values']): SnapshotOptions {
  const { 'image-name': imageName, store, quiesce, backup, keep } = values
  if (keep !== undefined && !/^[1-9][0-9]{0,3}$/.test(keep)) throw new UsageError(`--keep=${keep}: how many, from 1 on`)
  return {
    ...(imageName === undefined ? {} : { imageName }),
    ...(store === undefined ? {} : { store }),
    ...(quiesce === undefined ? {} : { quiesce }),
    ...(backup === undefined ? {} : { backup }),
    ...(keep === undefined ? {} : { keep: Number(keep) }),
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function isFormat(text: string): text is OutputFormat {
  return (OUTPUT_FORMATS as readonly string[]).includes(text)
}

/** Of `90s`, `5m`, `1h`. @throws UsageError */
function toMs(text: string | undefined): number {
  if (text === undefined) return DEFAULT_TIMEOUT_MS
  const [, amount, unit] = /^(\d{1,6})([smh])$/.exec(text) ?? []
  if (amount === undefined) throw new UsageError(`--timeout=${text}: a time such as 90s, 5m or 1h`)
  return Number(amount) * (UNITS[unit ?? 's'] ?? 1000)
}
