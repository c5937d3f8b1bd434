// SPDX-License-Identifier: Apache-2.0
// The terminal of somebody who follows a README: one shell from the first command to the last, so that a variable that one sets the next one has.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { dirname } from 'node:path'
import { REPOSITORY } from '../../local/cloud/layout.ts'
import type { Cloud } from '../../local/cloud/cloud.ts'

export interface Answer {
  code: number
  output: string
}

/** `npm run cloud` is there already and has another name: the shell's own npm says so to each command of the cloud. */
const NPM = `npm() {
  [ "$1" = run ] && shift; [ "$1" = -s ] && shift; [ "$1" = cloud ] || return 1; shift
  [ $# = 0 ] && return 0
  [ "$1" = -- ] && shift
  node --disable-warning=ExperimentalWarning local/main.ts --name "$CLOUD" "$@"
}
`

export class Shell {
  readonly #bash: ChildProcessWithoutNullStreams
  #output = ''
  #heard: () => void = () => undefined

  /** @param kubectl path of the program */
  constructor(cloud: Cloud, kubectl: string) {
    const path = [dirname(kubectl), dirname(process.execPath), process.env['PATH']].join(':')
    const env = { ...process.env, PATH: path, CLOUD: cloud.state.name, NODE_OPTIONS: '' }
    this.#bash = spawn('bash', [], { cwd: REPOSITORY, env })
    for (const stream of [this.#bash.stdout, this.#bash.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text
        this.#heard()
      })
    }
    this.#bash.on('exit', () => this.#heard())
    this.#bash.stdin.write(NPM)
  }

  /** Types one command and waits for its end. @throws when it takes longer, and when the shell is gone */
  async run(command: string, timeoutMs: number): Promise<Answer> {
    const mark = randomUUID()
    this.#output = ''
    this.#bash.stdin.write(`{ ${command}\n} </dev/null 2>&1; echo "${mark} $?"\n`)
    const end = Date.now() + timeoutMs
    for (;;) {
      const said = new RegExp(`${mark} (\\d+)\\n`).exec(this.#output)
      if (said) return { code: Number(said[1]), output: this.#output.slice(0, said.index).trim() }
      const left = end - Date.now()
      if (left <= 0 || this.#bash.exitCode !== null)
        throw new Error(`${command}\nhas not ended after ${timeoutMs} ms; it said:\n${this.#output}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#heard = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  close(): void {
    this.#bash.kill('SIGKILL')
  }
}
