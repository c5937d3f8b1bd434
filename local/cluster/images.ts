// SPDX-License-Identifier: Apache-2.0
// Container images without Docker and without a registry: the project's own Dockerfile, built by buildah of the nodes' root file
// system, on a Debian base made by mmdebstrap. The results are OCI archives for `ctr images import`.
import { existsSync } from 'node:fs'
import { copyFile, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exec } from '../../lib/exec.ts'
import { NODE_PROGRAM, REPOSITORY } from '../cloud/layout.ts'
import { programPath } from '../build/programs.ts'
import { cacheDir, definitionHash } from '../host/cache.ts'
import { EXCLUDED_PATHS, SUITE } from '../rootfs/definition.ts'

const scriptDir = join(dirname(fileURLToPath(import.meta.url)), 'images')
const TARGETS = ['operator', 'agent', 'ovn-central'] as const

/** buildah would raise them, which takes a capability that containers often lack. */
const LIMITS = ['--ulimit', 'nproc=4096:4096', '--ulimit', 'nofile=4096:4096']

export const PAUSE_IMAGE = 'localhost/nephele/pause:1'
const NATS_IMAGE = 'localhost/nephele/nats:1'
const IMAGE_REGISTRY = 'localhost/nephele'

/** Archives on the host, to be imported into each node. */
export interface ImageArchives {
  dir: string
  files: readonly string[]
}

/**
 * Builds what is missing; dist/ must be complete. What does not depend on this checkout is kept: a second call builds two layers in
 * some seconds.
 */
export async function buildImages(rootfs: string, version: string): Promise<ImageArchives> {
  const state = join(cacheDir(), 'oci')
  const archives = join(state, 'archives')
  await mkdir(archives, { recursive: true })
  const run = (context: string, args: readonly string[]) => buildah({ rootfs, state, context }, args)
  const base = `localhost/nephele/base:${await ensureFixed(rootfs, state, run)}`
  const node = base.replace('/base:', '/node:')
  for (const target of TARGETS) {
    const tag = `${IMAGE_REGISTRY}/${target}:${version}`
    const args = ['--build-arg', `BASE=${base}`, '--build-arg', `NODE=${node}`, '--target', target, '--tag', tag]
    await run(REPOSITORY, ['build', '--layers', ...LIMITS, '--pull=never', '--quiet', ...args, '/context'])
    await archive(run, archives, target, tag)
  }
  // Layers of earlier checkouts; those that the images are made of stay.
  await run(REPOSITORY, ['rmi', '--prune'])
  return { dir: archives, files: ['pause.tar', 'nats.tar', ...TARGETS.map((t) => `${t}.tar`)] }
}

type Run = (context: string, args: readonly string[]) => Promise<void>

/** Base, node, nats and pause; the result names their version. */
async function ensureFixed(rootfs: string, state: string, run: Run): Promise<string> {
  const [dockerfile, nats] = [join(scriptDir, 'Dockerfile'), await programPath('nats-server')]
  const nodeVersion = (await exec([NODE_PROGRAM, '--version'], { timeoutMs: 10_000 })).stdout
  const version = definitionHash([await readFile(dockerfile), baseArguments('').join(' '), nats, nodeVersion, rootfs])
  const done = join(state, `fixed-${version}`)
  if (existsSync(done)) return version
  const context = join(state, 'context')
  await mkdir(context, { recursive: true })
  const base = join(context, 'base.tar')
  if (!existsSync(base)) {
    await exec(['mmdebstrap', ...baseArguments(`${base}.new.tar`)], { timeoutMs: 10 * 60_000 })
    await rename(`${base}.new.tar`, base)
  }
  const files = {
    Dockerfile: dockerfile,
    'nats-server': nats,
    node: NODE_PROGRAM,
    busybox: join(rootfs, 'bin/busybox'),
  }
  for (const [name, from] of Object.entries(files)) await copyFile(from, join(context, name))
  for (const [target, tag] of [
    ['base', `localhost/nephele/base:${version}`],
    ['node', `localhost/nephele/node:${version}`],
    ['nats', NATS_IMAGE],
    ['pause', PAUSE_IMAGE],
  ] as const) {
    await run(context, ['build', '--pull=never', '--quiet', '--target', target, '--tag', tag, '/context'])
  }
  await archive(run, join(state, 'archives'), 'nats', NATS_IMAGE)
  await archive(run, join(state, 'archives'), 'pause', PAUSE_IMAGE)
  await mkdir(done)
  return version
}

function baseArguments(target: string): string[] {
  const excludes = EXCLUDED_PATHS.map((path) => `--dpkgopt=path-exclude=${path}`)
  return ['--mode=root', '--variant=minbase', ...excludes, SUITE, target]
}

async function archive(run: Run, archives: string, name: string, tag: string): Promise<void> {
  const file = `${name}.${process.pid}.new.tar`
  await run(REPOSITORY, ['push', '--quiet', '--disable-compression', tag, `oci-archive:/oci/archives/${file}:${tag}`])
  await rename(join(archives, file), join(archives, `${name}.tar`))
}

async function buildah(
  { rootfs, state, context }: { rootfs: string; state: string; context: string },
  args: readonly string[],
): Promise<void> {
  const env = { ...process.env, ROOTFS: rootfs, STATE: state, CONTEXT: context }
  const argv = ['unshare', '-m', '-i', '--propagation', 'private', 'bash', join(scriptDir, 'buildah.sh'), ...args]
  await exec(argv as [string, ...string[]], { timeoutMs: 15 * 60_000, env })
  await rm(join(state, 'mount'), { recursive: true, force: true })
}
