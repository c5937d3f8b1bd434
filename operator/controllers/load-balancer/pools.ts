// SPDX-License-Identifier: Apache-2.0
import type { LoadBalancer } from '../../../lib/api/types.ts'

type Spec = LoadBalancer['spec']
export type Listener = Spec['listeners'][number]
type Rule = NonNullable<Listener['rules']>[number]

/** Who answers a listener, or those of its requests that a rule matches. */
export interface Pool extends Pick<Listener, 'members' | 'healthMonitor' | 'sessionAffinity' | 'proxyProtocol'> {
  /** Of the listener, or of the listener and the rule: `web.api`. */
  name: string
  /** Where it is written: `spec.listeners[0]`, `spec.listeners[0].rules[1].pool`. */
  field: string
  listener: Listener
  /** Name of the rule; absent: what no rule matches goes there. */
  rule?: string
}

/** Each listener's own, and after it those of its rules. Pure. */
export function poolsOf({ listeners }: Pick<Spec, 'listeners'>): Pool[] {
  return listeners.flatMap((listener, i) => {
    const field = `spec.listeners[${i}]`
    const { members, healthMonitor, sessionAffinity, proxyProtocol } = listener
    const own = { members, healthMonitor, sessionAffinity, proxyProtocol }
    return [
      { ...own, name: listener.name, field, listener },
      ...(listener.rules ?? []).flatMap((rule, j): Pool[] =>
        rule.pool
          ? [
              {
                ...{ ...rule.pool, name: poolNameOf(listener, rule), rule: rule.name },
                ...{ field: `${field}.rules[${j}].pool`, listener },
              },
            ]
          : [],
      ),
    ]
  })
}

/** No name of either has a dot. Pure. */
export function poolNameOf({ name }: Pick<Listener, 'name'>, rule: Pick<Rule, 'name'>): string {
  return `${name}.${rule.name}`
}

/** Whether requests that no rule matches are for nobody: there are rules, and no members beside them. Pure. */
export function hasNoDefault({ rules = [], members }: Pick<Listener, 'rules' | 'members'>): boolean {
  return rules.length > 0 && members === undefined
}

/** Whether proxies on gateway nodes serve it. Pure. */
export function isProxied(protocol: Listener['protocol']): protocol is 'http' | 'https' {
  return protocol === 'http' || protocol === 'https'
}
