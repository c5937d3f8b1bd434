// SPDX-License-Identifier: Apache-2.0
// What every replica does, leader or not: it watches the store, remembers what it saw of it, and stands for election.
import { CLOUD_NAME } from '../../lib/api/kinds.ts'
import { Election, type ElectionOptions } from '../../lib/leader/election.ts'
import { Informers, type InformersDeps } from '../../lib/informer/informers.ts'
import type { OperatorInformers } from '../kind/row.ts'
import { watchAll } from '../kind/informers.ts'
import { StoreHistory } from '../restore-guard/store-history.ts'

export interface WatchedStore {
  informers: Informers
  watched: OperatorInformers
  history: StoreHistory
}

/** The informers are not started yet. */
export function watchStore(deps: Omit<InformersDeps, 'onRegression'>): WatchedStore {
  const history = new StoreHistory(() => findCloud(watched)?.spec.incarnation ?? 1)
  const informers = new Informers({ ...deps, onRegression: history.record })
  const watched = watchAll(informers)
  return { informers, watched, history }
}

/** A deleted Lease starts over, but terms must not: documents and OVN hold the last one. Call once the informers have synced. */
export function candidacy(watched: OperatorInformers, options: Omit<ElectionOptions, 'leastTerm'>): Election {
  return new Election({ ...options, leastTerm: async () => (findCloud(watched)?.status?.term ?? 0) + 1 })
}

function findCloud(watched: OperatorInformers) {
  return watched.clouds.cache.find(undefined, CLOUD_NAME)
}
