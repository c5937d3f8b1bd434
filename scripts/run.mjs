// SPDX-License-Identifier: Apache-2.0
// `node scripts/run.mjs FILE.ts ARGS...`: installs the Node dependencies when the lock file changed, then runs FILE with the
// pinned Node. Plain JavaScript without imports from npm, since it is what runs first on a fresh clone with the host's Node.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stamp = join(root, 'node_modules', '.nephele-lock')
const want = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex')
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== want) {
  const started = Date.now()
  process.stderr.write('installing Node dependencies ...\n')
  // An existing folder is brought up to date in place: `npm ci` would pull it away from under processes that run from it.
  const verb = existsSync(join(root, 'node_modules')) ? 'install' : 'ci'
  const npm = spawnSync('npm', [verb, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (npm.status !== 0) {
    process.stderr.write(`npm ${verb} failed: see its output above\n`)
    process.exit(1)
  }
  writeFileSync(stamp, want)
  process.stderr.write(`installed Node dependencies (${((Date.now() - started) / 1000).toFixed(1)} s)\n`)
}
const node = join(root, 'node_modules', 'node', 'bin', 'node')
const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH ?? ''}` }
const [file, ...args] = process.argv.slice(2)
// Ctrl-C reaches the child as well, which may have something to put away: it ends first.
process.on('SIGINT', () => undefined)
const child = spawn(node, ['--disable-warning=ExperimentalWarning', file, ...args], { stdio: 'inherit', env })
// `kill` reaches this process alone.
process.on('SIGTERM', () => child.kill('SIGTERM'))
child.on('exit', (code) => process.exit(code ?? 1))
