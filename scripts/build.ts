// SPDX-License-Identifier: Apache-2.0
// `npm run build`: one file a process into dist/, so that a container image or a node needs no node_modules.
import { build } from 'esbuild'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

const ENTRY_POINTS = {
  operator: 'operator/main.ts',
  agent: 'agents/main.ts',
  resolver: 'agents/resolver/main.ts',
  bootstrap: 'operator/bootstrap/main.ts',
} as const
export type BundleName = keyof typeof ENTRY_POINTS

/** Worker threads of a process: files of their own beside it. */
const WORKERS: Partial<Record<BundleName, Record<string, string>>> = {
  agent: { 'inspect-worker': 'agents/image/inspect-worker.ts' },
}

/** Bundles the processes; resolves when dist/ is complete. */
export async function buildProcesses(names: readonly BundleName[] = ['operator', 'agent', 'resolver']): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: Object.assign({}, ...names.map((name) => ({ [name]: ENTRY_POINTS[name], ...WORKERS[name] }))),
    outdir: 'dist',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    sourcemap: 'linked',
    legalComments: 'none',
    // CommonJS packages inside of the bundle call require().
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  })
}

if (import.meta.main) await buildProcesses(['operator', 'agent', 'resolver', 'bootstrap'])
