// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { stripVTControlCharacters } from 'node:util'
import { NODE_PROGRAM, REPOSITORY } from '../../local/cloud/layout.ts'
import type { Project } from '../harness/project.ts'
import { waitUntilTrue } from '../harness/wait.ts'

/** `kubectl nephele` in a terminal of its own, as a person has it. */
export class Terminal implements AsyncDisposable {
  readonly #child
  readonly ended: Promise<number | null>
  #shown = ''

  constructor(project: Project, ...words: readonly string[]) {
    const line = [NODE_PROGRAM, `${REPOSITORY}/cli/main.ts`, '-n', project.namespace, ...words]
    // script(1) makes the terminal; its own input and output stay pipes.
    const argv = ['-qfec', line.map((word) => `'${word}'`).join(' '), '/dev/null']
    this.#child = spawn('script', argv, {
      env: {
        ...process.env,
        ...{ NODE_OPTIONS: '', KUBECONFIG: project.test.cloud.kubeconfigPath, TERM: 'dumb' },
        // Who signed the console process’s certificate.
        NODE_EXTRA_CA_CERTS: project.test.cloud.layout.pki('ca.crt'),
      },
    })
    for (const output of [this.#child.stdout, this.#child.stderr])
      output.on('data', (chunk: Buffer) => (this.#shown += chunk.toString()))
    this.ended = new Promise((resolve) => this.#child.on('exit', (code) => resolve(code)))
  }

  /** All that was written to it. */
  get raw(): string {
    return this.#shown
  }

  /** What is on the screen, without its colours. */
  get shown(): string {
    return stripVTControlCharacters(this.#shown).replaceAll('\r', '')
  }

  type(keys: string): void {
    this.#child.stdin.write(keys)
  }

  async sees(text: string | RegExp, timeoutMs = 30_000): Promise<void> {
    const isThere = () => (typeof text === 'string' ? this.shown.includes(text) : text.test(this.shown))
    await waitUntilTrue(`${String(text)} on the screen`, async () => isThere(), timeoutMs).catch((error: unknown) => {
      throw new Error(`the screen has:\n${this.shown}`, { cause: error })
    })
  }

  /** Presses Ctrl-]. */
  async leave(): Promise<number | null> {
    this.type('\x1d')
    return this.ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
  }
}
