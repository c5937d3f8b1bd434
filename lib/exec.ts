// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process'

export interface ExecOptions {
  timeoutMs: number
  signal?: AbortSignal
  input?: string | Buffer
  env?: NodeJS.ProcessEnv
  cwd?: string
  /** The most bytes of standard output that are kept; more is an error. */
  maxOutputBytes?: number
}

export interface ExecResult {
  stdout: string
  stderr: string
}

/** A command that failed, could not start, or ran out of time. */
export class ExecError extends Error {
  readonly argv: readonly string[]
  readonly exitCode: number | null
  readonly stderr: string
  readonly timedOut: boolean
  constructor(argv: readonly string[], exitCode: number | null, stderr: string, timedOut: boolean, cause: unknown) {
    const what = timedOut ? 'timed out' : exitCode === null ? 'did not run' : `failed with code ${exitCode}`
    super(`${argv[0] ?? ''} ${what}: ${stderr.trim().split('\n').slice(-3).join(' | ')}`, { cause })
    this.name = 'ExecError'
    this.argv = argv
    this.exitCode = exitCode
    this.stderr = stderr
    this.timedOut = timedOut
  }
}

/**
 * Runs a program from an argument array; never through a shell. Data from users must not begin an argument that the program could read as
 * an option: put `--` before it or check it first.
 * @throws ExecError when it exits with a code other than 0, cannot start, or takes longer than timeoutMs (then it is killed)
 */
export function exec(argv: readonly [string, ...string[]], options: ExecOptions): Promise<ExecResult> {
  const [file, ...args] = argv
  return new Promise((resolve, reject) => {
    const child = execFile(
      file,
      args,
      {
        encoding: 'utf8',
        timeout: options.timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: options.maxOutputBytes ?? 16 * 1024 * 1024,
        ...(options.signal ? { signal: options.signal } : {}),
        ...(options.env ? { env: options.env } : {}),
        ...(options.cwd ? { cwd: options.cwd } : {}),
      },
      (error, stdout, stderr) => {
        if (!error) resolve({ stdout, stderr })
        else if (options.signal?.aborted) {
          const aborted: Error = error
          reject(aborted)
        } else {
          const code = typeof error.code === 'number' ? error.code : null
          reject(new ExecError(argv, code, stderr || error.message, error.killed === true, error))
        }
      },
    )
    if (options.input !== undefined && child.stdin) {
      // A program that exits without reading its input closes the pipe; its exit code says what happened.
      child.stdin.on('error', () => undefined)
      child.stdin.end(options.input)
    }
  })
}
