// SPDX-License-Identifier: Apache-2.0
// Runs in a worker thread of its own: reads the tables of an untrusted file, however long that takes.
import { parentPort, workerData } from 'node:worker_threads'
import { isTerminal } from '../../lib/errors.ts'
import { inspectWhole } from './inspect-file.ts'
import type { InspectionAnswer, InspectionTask } from './inspection.ts'

const { path, format } = workerData as InspectionTask

async function inspect(): Promise<InspectionAnswer> {
  try {
    return { kind: 'image', image: await inspectWhole(path, format) }
  } catch (error) {
    if (isTerminal(error)) return { kind: 'refused', reason: error.reason, message: error.message }
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) }
  }
}

parentPort?.postMessage(await inspect())
