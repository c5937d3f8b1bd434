// SPDX-License-Identifier: Apache-2.0
// The parent's side of cache-process.ts: bundles it, starts it and asks it for its figures.
import { build } from 'esbuild'
import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { OPERATOR_FLAGS } from '../../local/cloud/processes.ts'
import type { Report } from './cache-process.ts'

export type Mode = 'operator' | 'caches' | 'peer'
type Message = { before: Report } | { synced: Report } | { answer: Report }

/** Bundled as the product is: stripping types at run time has a memory of its own. Gives the script's path. */
export async function bundleMeasured(dir: string): Promise<string> {
  const script = join(dir, 'cache-process.mjs')
  const require =
    "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);"
  await build({
    entryPoints: [join(import.meta.dirname, 'cache-process.ts')],
    outfile: script,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    banner: { js: require },
    logLevel: 'error',
  })
  return script
}

export interface MeasuredOptions {
  script: string
  kubeconfig: string
  mode: Mode
  /** Node's own, as `--cpu-prof`. */
  execArgv?: readonly string[]
}

export class MeasuredProcess {
  readonly #process: ChildProcess
  readonly before: Promise<Report>
  readonly synced: Promise<Report>

  constructor({ script, kubeconfig, mode, execArgv = [] }: MeasuredOptions) {
    this.#process = fork(script, [mode, kubeconfig], {
      execArgv: ['--expose-gc', ...OPERATOR_FLAGS, ...execArgv],
    })
    this.before = this.#message((m) => ('before' in m ? m.before : undefined))
    this.synced = this.#message((m) => ('synced' in m ? m.synced : undefined))
  }

  ask(what: 'memory' | 'cpu'): Promise<Report> {
    const answer = this.#message((m) => ('answer' in m ? m.answer : undefined))
    this.#process.send(what)
    return answer
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null) return
    const ended = new Promise((resolve) => this.#process.once('exit', resolve))
    this.#process.kill('SIGTERM')
    await ended
  }

  #message(read: (message: Message) => Report | undefined): Promise<Report> {
    return new Promise((resolve, reject) => {
      const end = (code: number | null): void => reject(new Error(`the measured process ended with ${code}`))
      const listen = (message: unknown): void => {
        const report = read(message as Message)
        if (!report) return
        this.#process.off('message', listen)
        this.#process.off('exit', end)
        resolve(report)
      }
      this.#process.on('message', listen)
      this.#process.once('exit', end)
    })
  }
}
