// SPDX-License-Identifier: Apache-2.0
// `npm run build`: one file a process into dist/, so that a container image or a node needs no node_modules.
import { build } from 'esbuild'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { COMPLETION_PROGRAM } from '../cli/commands/completion.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

const ENTRY_POINTS = {
  operator: 'operator/main.ts',
  agent: 'agents/main.ts',
  resolver: 'agents/resolver/main.ts',
  'metrics-relay': 'agents/metrics-relay/main.ts',
  console: 'console/main.ts',
  bootstrap: 'operator/bootstrap/main.ts',
  'install-check': 'operator/install-check/main.ts',
  'support-bundle': 'cli/support-bundle/job.ts',
} as const
export type BundleName = keyof typeof ENTRY_POINTS

/** Worker threads of a process: files of their own beside it. */
const WORKERS: Partial<Record<BundleName, Record<string, string>>> = {
  agent: { 'inspect-worker': 'agents/image/inspect-worker.ts' },
}

/** CommonJS packages inside of a bundle call require(). */
const REQUIRE =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);"

const COMMON = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  format: 'esm',
  legalComments: 'none',
  logLevel: 'warning',
} as const

/** Bundles the processes; resolves when dist/ is complete. */
export async function buildProcesses(
  names: readonly BundleName[] = ['operator', 'agent', 'resolver', 'metrics-relay', 'console'],
): Promise<void> {
  const { outputFiles } = await build({
    ...COMMON,
    entryPoints: Object.assign({}, ...names.map((name) => ({ [name]: ENTRY_POINTS[name], ...WORKERS[name] }))),
    outdir: 'dist',
    outExtension: { '.js': '.mjs' },
    target: 'node24',
    sourcemap: 'linked',
    banner: { js: REQUIRE },
    // A process keeps its source in memory. Names stay, for stack traces.
    minifyWhitespace: true,
    minifySyntax: true,
    write: false,
  })
  mkdirSync(join(root, 'dist'), { recursive: true })
  for (const { path, text } of outputFiles) writeFileSync(path, path.endsWith('.map') ? text : toAscii(text))
  if (names.includes('console')) await buildConsolePage()
}

/** Node keeps a source with a single character beyond ASCII in two bytes each. esbuild escapes those of strings; those of patterns are left. */
export function toAscii(source: string): string {
  return source.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** The one package of the page whose license asks where its source is. */
const PAGE_NOTICE = '/* With noVNC, MPL-2.0, unchanged: its source is https://github.com/novnc/noVNC */'

/** The page of the console process, beside it. @param dir relative to the root */
export async function buildConsolePage(dir = 'dist/console-page'): Promise<void> {
  await build({
    ...COMMON,
    entryPoints: { console: 'console/page/main.ts' },
    outdir: dir,
    platform: 'browser',
    // What their makers still serve.
    target: ['chrome111', 'firefox115', 'safari16.4'],
    minify: true,
    legalComments: 'eof',
    banner: { js: PAGE_NOTICE },
  })
  await build({ ...COMMON, entryPoints: { console: 'console/page/page.css' }, outdir: dir, minify: true })
  copyFileSync(join(root, 'console/page/page.html'), join(resolve(root, dir), 'page.html'))
}

const PLUGIN = 'dist/kubectl-nephele'

/** The plug-in of kubectl, as a package that npm installs: `npm install -g ./dist/kubectl-nephele`, or what `npm pack` makes of it. */
export async function buildPlugin(): Promise<void> {
  await build({
    ...COMMON,
    entryPoints: { 'kubectl-nephele': 'cli/main.ts' },
    outdir: PLUGIN,
    outExtension: { '.js': '.mjs' },
    // Its user's own Node: what that lacks of the language is written down by esbuild, of the library by the file, and the HTTP client is the last that runs on it.
    target: 'node20',
    inject: ['cli/node-20.ts'],
    alias: { undici: 'undici-node20' },
    minify: true,
    banner: { js: `#!/usr/bin/env node\n${REQUIRE}` },
  })
  const { version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, string>
  const programs = { 'kubectl-nephele': 'kubectl-nephele.mjs', 'kubectl_complete-nephele': 'kubectl_complete-nephele' }
  const described = {
    name: 'kubectl-nephele',
    version,
    license,
    type: 'module',
    engines: { node: '>=20' },
    bin: programs,
  }
  writeFileSync(join(root, PLUGIN, 'package.json'), `${JSON.stringify(described, null, 2)}\n`)
  writeFileSync(join(root, PLUGIN, programs['kubectl_complete-nephele']), COMPLETION_PROGRAM)
  for (const file of Object.values(programs)) chmodSync(join(root, PLUGIN, file), 0o755)
}

if (import.meta.main) {
  await buildProcesses([
    'operator',
    'agent',
    'resolver',
    'metrics-relay',
    'console',
    'bootstrap',
    'install-check',
    'support-bundle',
  ])
  await buildPlugin()
}
