// SPDX-License-Identifier: Apache-2.0
import type { BalancerRule } from '../../../lib/contract/documents.ts'
import { hasNoDefault, poolNameOf, type Listener } from './pools.ts'

type Rule = NonNullable<Listener['rules']>[number]

/** Its rules with their defaults, in order; as in HTTPRoute, what is for nobody is not found. Pure. */
export function documentRules(listener: Listener): BalancerRule[] {
  const rules = (listener.rules ?? []).map((rule): BalancerRule => {
    const { hostnames = [], paths = [] } = rule
    return { hostnames, paths, action: actionOf(listener, rule) }
  })
  return hasNoDefault(listener) ? [...rules, NOT_FOUND] : rules
}

const NOT_FOUND: BalancerRule = { hostnames: [], paths: [], action: { type: 'reject', statusCode: 404 } }

/** The schema asks for one of the three. Pure. */
function actionOf(listener: Listener, rule: Rule): BalancerRule['action'] {
  if (rule.pool) return { type: 'pool', pool: poolNameOf(listener, rule) }
  if (rule.redirect) return { type: 'redirect', ...rule.redirect, statusCode: rule.redirect.statusCode ?? 302 }
  return { type: 'reject', statusCode: rule.reject?.statusCode ?? 403 }
}
