// SPDX-License-Identifier: Apache-2.0
import { expect, test } from '@jest/globals'
import { done, waitFor, type Outcome } from '../../../lib/outcome.ts'
import type { BackendHealth } from '../../network/network-driver.ts'
import { withNetworkCause } from './network-cause.ts'

const down: BackendHealth = { status: 'False', reason: 'NorthdBehind', message: 'northd sleeps' }
const absent: BackendHealth = { status: 'Unknown', reason: 'NetworkNotConfigured', message: 'none' }

test.each<[string, Outcome, BackendHealth | undefined, Outcome]>([
  ['a port that is being plugged', waitFor('Plugging', 'w'), down, waitFor('Plugging', 'w; northd sleeps')],
  ['a machine', waitFor('AttachingNetwork', 'w', 5), down, waitFor('AttachingNetwork', 'w; northd sleeps', 5)],
  ['what waits for something else', waitFor('CachingImage', 'w'), down, waitFor('CachingImage', 'w')],
  ['what is ready', done, down, done],
  ['while it is well', waitFor('Plugging', 'w'), { ...down, status: 'True' }, waitFor('Plugging', 'w')],
  ['where there is none', waitFor('Plugging', 'w'), absent, waitFor('Plugging', 'w')],
  ['while it is not known', waitFor('Plugging', 'w'), undefined, waitFor('Plugging', 'w')],
])('%s', (_, outcome, health, said) => expect(withNetworkCause(outcome, { health: () => health })).toEqual(said))
