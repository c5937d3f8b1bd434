// SPDX-License-Identifier: Apache-2.0
import type { KubeClient, KubeReader } from '../../lib/kube/client.ts'
import type { Kubectl } from './kubectl.ts'

/** What a command is given: the cluster, where it looks, and where it says what it found. */
export interface Context {
  client: Pick<KubeClient, keyof KubeReader | 'create' | 'mergePatch' | 'remove' | 'review'>
  kubectl: Kubectl
  /** Of `--namespace`, or of the kubeconfig's context. */
  namespace: string
  /** `--all-namespaces`. */
  isEverywhere: boolean
  output: OutputFormat
  /** `--wait=false` turns it off. */
  waits: boolean
  timeoutMs: number
  /** `--hard`: of commands that take it. */
  isHard: boolean
  /** `--force`: of commands that take it. */
  isForced: boolean
  /** `--web`: of commands that take it. */
  isWeb: boolean
  /** `--lines`: of commands that take it. */
  lines?: number
  /** `--image`: of commands that take it. */
  image?: string
  /** `--image-name`, `--store`, `--quiesce`, `--backup`, `--keep`: of commands that take them. */
  snapshot: SnapshotOptions
  /** `--dry-run`, `--lost-node`: of commands that take them. */
  restore: RestoreOptions
  /** What is typed or piped in, which nobody sees: for what must stand in no argument. @param prompts for a person, one line each */
  readHidden: (prompts: readonly string[]) => Promise<string[]>
  /** Aborted by Ctrl-C. */
  signal: AbortSignal
  now: Date
  print: (line: string) => void
  /** Passing news of long work, such as `waiting: ACTIVE`: written over by the next, and never part of the output. */
  progress: (line: string) => void
}

export interface SnapshotOptions {
  imageName?: string
  store?: string
  quiesce?: string
  backup?: string
  keep?: number
}

export interface RestoreOptions {
  isDryRun: boolean
  /** Off for good, whoever says it. */
  lostNodes: readonly string[]
}

export const OUTPUT_FORMATS = ['table', 'wide', 'json', 'yaml'] as const
export type OutputFormat = (typeof OUTPUT_FORMATS)[number]

export interface Command {
  name: string
  /** After the name, such as `KIND NAME`. */
  usage: string
  summary: string
  /** What its words are, for completion: names of Instances, or a kind and a name. */
  completes?: 'instances' | 'objects'
  /** Which words there may be; more of them after `--` where `takesRest`. */
  arguments: { least: number; most: number }
  takesRest?: boolean
  takesHard?: boolean
  takesForce?: boolean
  takesWeb?: boolean
  takesLines?: boolean
  takesImage?: boolean
  takesSnapshot?: boolean
  takesRestore?: boolean
  /** @param rest what follows `--`. @returns the exit code */
  run: (context: Context, words: readonly string[], rest: readonly string[]) => Promise<number>
}

/** The user's mistake, told without a stack. */
export class UsageError extends Error {
  override name = 'UsageError'
}
