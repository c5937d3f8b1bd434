// SPDX-License-Identifier: Apache-2.0

/** A step that failed: which one, why, and where more can be read. */
export class StepError extends Error {
  readonly step: string
  readonly logFile: string | undefined
  constructor(step: string, cause: unknown, logFile?: string) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.name = 'StepError'
    this.step = step
    this.logFile = logFile
  }
}

export interface Progress {
  /** Runs a step and prints it with its time; steps may run side by side. @throws StepError */
  step<T>(title: string, run: () => Promise<T>, logFile?: string): Promise<T>
  /** Prints one line: what a step did that people must know of. */
  note(text: string): void
  /** Seconds since the start. */
  elapsed(): number
}

/** @param quiet steps shorter than a tenth of a second print nothing */
export function createProgress(write: (line: string) => void = (line) => process.stderr.write(`${line}\n`)): Progress {
  const start = performance.now()
  const elapsed = () => (performance.now() - start) / 1000
  return {
    elapsed,
    note: (text) => write(`${at(elapsed())} ${text}`),
    step: async (title, run, logFile) => {
      const began = performance.now()
      // What takes long says so while it runs: a build of minutes must not look like a hang.
      const notice = setTimeout(() => write(`${at(elapsed())} ${title} ...`), 2000)
      try {
        const result = await run()
        write(`${at(elapsed())} ${title} (${((performance.now() - began) / 1000).toFixed(1)} s)`)
        return result
      } catch (error) {
        if (error instanceof StepError) throw error
        throw new StepError(title, error, logFile)
      } finally {
        clearTimeout(notice)
      }
    },
  }
}

function at(seconds: number): string {
  return `[${seconds.toFixed(1).padStart(6)} s]`
}
