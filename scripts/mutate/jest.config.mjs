// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import config from '../../jest.config.js'

const here = fileURLToPath(new URL('.', import.meta.url))
export default {
  rootDir: join(here, '../..'),
  projects: config.projects
    .filter(({ displayName }) => displayName === 'unit' || displayName === 'integration')
    .map((project) => ({
      ...project,
      rootDir: join(here, '../..'),
      transform: { '^.+\\.ts$': join(here, 'transform.mjs') },
    })),
}
