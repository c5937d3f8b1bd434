// SPDX-License-Identifier: Apache-2.0
// Inspects a whole file in a worker thread with a deadline: no file, whatever it contains, can block the agent's main thread.
import { Worker } from 'node:worker_threads'
import { TerminalError, TransientError } from '../../lib/errors.ts'
import { within } from '../../lib/within.ts'
import type { ImageFormat, InspectedImage } from './header.ts'

export interface InspectionTask {
  path: string
  format: ImageFormat
}

export type InspectionAnswer =
  | { kind: 'image'; image: InspectedImage }
  | { kind: 'refused'; reason: string; message: string }
  | { kind: 'failed'; message: string }

/** The tables of a disk of 1 TiB take about a second. */
const INSPECTION_DEADLINE_MS = 120_000
/** An L1 table of 32 MiB and one L2 table are outside the heap. */
const WORKER_HEAP_MIB = 128

// In a bundle it is beside this file, under its compiled name.
const WORKER_FILE = import.meta.url.endsWith('.ts') ? './inspect-worker.ts' : './inspect-worker.mjs'

/**
 * @throws TerminalError as inspectImage; TransientError ImageInspectionTimedOut
 */
export async function inspectInWorker(
  task: InspectionTask,
  signal: AbortSignal,
  deadlineMs = INSPECTION_DEADLINE_MS,
): Promise<InspectedImage> {
  signal.throwIfAborted()
  const worker = new Worker(new URL(WORKER_FILE, import.meta.url), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MIB },
  })
  const answered = Promise.withResolvers<InspectionAnswer>()
  worker.once('message', (answer: InspectionAnswer) => answered.resolve(answer))
  worker.once('error', (error) => answered.reject(error))
  worker.once('exit', (code) => answered.reject(new Error(`the inspection worker ended with ${code} without a result`)))
  const late = () => timedOut(deadlineMs)
  try {
    return read(await within(answered.promise, { timeoutMs: deadlineMs, signal, late }))
  } finally {
    await worker.terminate()
  }
}

function read(answer: InspectionAnswer): InspectedImage {
  switch (answer.kind) {
    case 'image':
      return answer.image
    case 'refused':
      throw new TerminalError(answer.reason, answer.message)
    case 'failed':
      throw new Error(answer.message)
  }
}

function timedOut(deadlineMs: number): TransientError {
  return new TransientError(
    'ImageInspectionTimedOut',
    `the file's tables could not be read within ${deadlineMs / 1000} s; it is tried again. Publish it with fewer or larger clusters (qemu-img convert -o cluster_size=64K)`,
  )
}
