// SPDX-License-Identifier: Apache-2.0
// Made from crds/loadbalancers.yaml by `npm run generate`. Do not edit.

export interface LoadBalancerSchema {
  spec?: LoadBalancerSpec
  status?: LoadBalancerStatus
}
/**
 * Its address, and who answers there. *live*
 */
export interface LoadBalancerSpec {
  /**
   * What it is for, for people. *live*
   */
  description?: string
  /**
   * The address where it is reached. *immutable*
   */
  vip: {
    /**
     * A Subnet of the same namespace that a Router joins. *immutable*
     */
    subnetRef: {
      /**
       * Name of the Subnet. *immutable*
       */
      name: string
    }
    /**
     * The address; absent: one is chosen. *immutable*
     */
    ipAddress?: string
  }
  /**
   * What it listens for. *live*
   *
   * @minItems 1
   * @maxItems 16
   *
   * Items: One port, and its members. *live*
   */
  listeners: {
    /**
     * Its name. *live*
     */
    name: string
    /**
     * The protocol. http: a proxy on a gateway node shares out requests, and says in X-Forwarded-For who asks. https: the same, and it ends TLS: members get http. *live*
     */
    protocol: 'tcp' | 'udp' | 'sctp' | 'http' | 'https'
    /**
     * The port. *live*
     */
    port: number
    /**
     * Who answers. *live*
     *
     * @maxItems 64
     *
     * Items: Machines by label, a Port, or an address. *live*
     */
    members?: {
      /**
       * All Instances of the namespace with these labels, each by its first address that the Router reaches. *live*
       */
      instanceSelector?: {
        /**
         * Labels that an Instance has to have, all of them. *live*
         */
        matchLabels: {
          /**
           * The value of one label. *live*
           */
          [k: string]: string
        }
      }
      /**
       * A Port of the same namespace. *live*
       */
      portRef?: {
        /**
         * Name of the Port. *live*
         */
        name: string
      }
      /**
       * An address that the Router reaches. It is not monitored. *live*
       */
      ipAddress?: string
      /**
       * Where they listen; absent: at the listener's port. *live*
       */
      port?: number
    }[]
    /**
     * Of https: how it proves itself, and what it speaks. *live*
     */
    tls?: {
      /**
       * Secrets of type kubernetes.io/tls with the label nephele.dev/tls=true. Each client is shown the certificate of the name that it asks for (SNI), or else the first one. Looked at each minute. *live*
       *
       * @minItems 1
       * @maxItems 8
       *
       * Items: A Secret of the same namespace: in tls.crt the certificate and what leads to its authority, in tls.key its key. *live*
       */
      certificateSecretRefs: {
        /**
         * Name of the Secret. *live*
         */
        name: string
      }[]
      /**
       * The oldest version of TLS that it speaks; absent: '1.2'. *live*
       */
      minVersion?: '1.2' | '1.3'
    }
    /**
     * Of http and https alone: members are told who asks before each connection, by the PROXY protocol of this version; they have to expect it. Absent: no. *live*
     */
    proxyProtocol?: 'v1' | 'v2'
    /**
     * Whether a client stays with the same member, by its address; absent: no. *live*
     */
    sessionAffinity?: {
      /**
       * How long after its last connection; absent: 600. *live*
       */
      timeoutSeconds?: number
    }
    /**
     * Whether members are probed and left out while they do not answer: by a connection (tcp), a packet that is not refused (udp), or a request (http). Absent: no. *live*
     */
    healthMonitor?: {
      /**
       * Of http and https alone: what is asked for by GET; absent: whether it takes a connection. *live*
       */
      path?: string
      /**
       * What it has to answer then, such as 200, 200,204 or 200-299; absent: 200. *live*
       */
      expectedCodes?: string
      /**
       * At most, between two probes; absent: 5. A member that answers nothing is out after failureThreshold times so long; for that it is probed more often. *live*
       */
      intervalSeconds?: number
      /**
       * After which a probe has failed, at most intervalSeconds; absent: 3, less where intervalSeconds is less than 5. *live*
       */
      timeoutSeconds?: number
      /**
       * Probes in a row after which a member is taken in; absent: 1. *live*
       */
      successThreshold?: number
      /**
       * Failed probes in a row after which it is left out; absent: 2. *live*
       */
      failureThreshold?: number
    }
    /**
     * Of http and https alone: which requests go elsewhere than to members. They are looked at in order, and the first one that matches decides. What none matches goes to members; where these are absent it is answered with 404. *live*
     *
     * @maxItems 16
     *
     * Items: Requests for one of hostnames and one of paths, and what becomes of them: pool, redirect or reject. *live*
     */
    rules?: {
      /**
       * Its name. *live*
       */
      name: string
      /**
       * Of the request's Host header, whose port is not looked at; *.example.com is one label or more before it. Absent: whatever host. *live*
       *
       * @minItems 1
       * @maxItems 8
       *
       * Items: One hostname, in small letters. *live*
       */
      hostnames?: string[]
      /**
       * Of the request's path. Absent: whatever path. *live*
       *
       * @minItems 1
       * @maxItems 8
       *
       * Items: One path. *live*
       */
      paths?: {
        /**
         * Exact: this path alone. PathPrefix: it, and all below; /api is not a prefix of /apis. *live*
         */
        type: 'Exact' | 'PathPrefix'
        /**
         * The path, without . and .. and empty segments: a request is looked at without them. *live*
         */
        value: string
      }[]
      /**
       * Who answers these requests. *live*
       */
      pool?: {
        /**
         * Who answers. *live*
         *
         * @maxItems 64
         *
         * Items: Machines by label, a Port, or an address. *live*
         */
        members: {
          /**
           * All Instances of the namespace with these labels, each by its first address that the Router reaches. *live*
           */
          instanceSelector?: {
            /**
             * Labels that an Instance has to have, all of them. *live*
             */
            matchLabels: {
              /**
               * The value of one label. *live*
               */
              [k: string]: string
            }
          }
          /**
           * A Port of the same namespace. *live*
           */
          portRef?: {
            /**
             * Name of the Port. *live*
             */
            name: string
          }
          /**
           * An address that the Router reaches. *live*
           */
          ipAddress?: string
          /**
           * Where they listen; absent: at the listener's port. *live*
           */
          port?: number
        }[]
        /**
         * Members are told who asks before each connection, by the PROXY protocol of this version; they have to expect it. Absent: no. *live*
         */
        proxyProtocol?: 'v1' | 'v2'
        /**
         * Whether a client stays with the same member, by its address; absent: no. *live*
         */
        sessionAffinity?: {
          /**
           * How long after its last connection; absent: 600. *live*
           */
          timeoutSeconds?: number
        }
        /**
         * Whether members are probed and left out while they do not answer: by a connection (tcp), a packet that is not refused (udp), or a request (http). Absent: no. *live*
         */
        healthMonitor?: {
          /**
           * What is asked for by GET; absent: whether it takes a connection. *live*
           */
          path?: string
          /**
           * What it has to answer then, such as 200, 200,204 or 200-299; absent: 200. *live*
           */
          expectedCodes?: string
          /**
           * Between two probes; absent: 5. *live*
           */
          intervalSeconds?: number
          /**
           * After which a probe has failed; absent: 3. *live*
           */
          timeoutSeconds?: number
          /**
           * Probes in a row after which a member is taken in; absent: 1. *live*
           */
          successThreshold?: number
          /**
           * Failed probes in a row after which it is left out; absent: 2. *live*
           */
          failureThreshold?: number
        }
      }
      /**
       * The client is sent elsewhere. What is absent stays as it asked for it. *live*
       */
      redirect?: {
        /**
         * The scheme. *live*
         */
        scheme?: 'http' | 'https'
        /**
         * The hostname. *live*
         */
        hostname?: string
        /**
         * The port; absent: that of scheme if it is there, the listener's otherwise. *live*
         */
        port?: number
        /**
         * The whole path; the query is kept. *live*
         */
        path?: string
        /**
         * The status; absent: 302. *live*
         */
        statusCode?: 301 | 302 | 303 | 307 | 308
      }
      /**
       * Nobody is asked. *live*
       */
      reject?: {
        /**
         * The status; absent: 403. *live*
         */
        statusCode?: number
      }
    }[]
  }[]
  /**
   * Refuses deletion while true: set it to false first. *live*
   */
  deletionProtection?: boolean
}
/**
 * What was observed. Written by the operator alone.
 */
export interface LoadBalancerStatus {
  /**
   * The metadata.generation that this status answers; 0 before the operator has looked at it.
   */
  observedGeneration?: number
  /**
   * OpenStack's word for it, for people; derived from the conditions, never read back.
   */
  state?: 'PENDING' | 'ACTIVE' | 'ERROR' | 'DELETING'
  /**
   * Whether it serves: all members of all listeners (ONLINE), some (DEGRADED), none (OFFLINE), or nobody looks (NO_MONITOR).
   */
  operatingStatus?: 'ONLINE' | 'DEGRADED' | 'OFFLINE' | 'NO_MONITOR'
  /**
   * The address where it is reached.
   */
  vipAddress?: string
  /**
   * UID of the Subnet of that address.
   */
  subnetUID?: string
  /**
   * The Router that answers for the address, as namespace/name.
   */
  router?: string
  /**
   * UID of that Router.
   */
  routerUID?: string
  /**
   * Addresses outside, of FloatingIPs, at which it answers or is about to.
   *
   * @maxItems 512
   *
   * Items: One address.
   */
  externalAddresses?: string[]
  /**
   * Where the proxy that serves is reached, in the Subnet of the address.
   */
  proxyAddress?: string
  /**
   * How often its proxies were placed.
   */
  proxyEpoch?: number
  /**
   * Of HTTP listeners, the nodes that run a proxy, and its own address, which members see.
   *
   * @maxItems 2
   *
   * Items: One proxy.
   */
  proxies?: {
    /**
     * Name of the node.
     */
    node: string
    /**
     * Its own address.
     */
    ipAddress: string
    /**
     * Whether it has the address at the moment. Absent where not known.
     */
    serving?: boolean
  }[]
  /**
   * Nodes that had a proxy and have not confirmed yet that it is gone there; until then its address is nobody else's.
   *
   * @maxItems 8
   *
   * Items: One of them.
   */
  pendingReleases?: {
    /**
     * Its name.
     */
    node: string
    /**
     * Which placement.
     */
    epoch: number
    /**
     * The address of the proxy there. Absent where not known.
     */
    ipAddress?: string
  }[]
  /**
   * From where members are probed, one address in each of their Subnets.
   *
   * @maxItems 32
   *
   * Items: One address.
   */
  probeAddresses?: {
    /**
     * Name of the Subnet.
     */
    subnet: string
    /**
     * UID of the Subnet.
     */
    subnetUID: string
    /**
     * The address.
     */
    ipAddress: string
  }[]
  /**
   * The listeners and their members.
   *
   * @maxItems 16
   *
   * Items: One listener.
   */
  listeners?: {
    /**
     * Its name.
     */
    name: string
    /**
     * Its port.
     */
    port: number
    /**
     * How many members there are, also those that are not listed.
     */
    memberCounts: {
      /**
       * Of status ONLINE.
       */
      online: number
      /**
       * Of status OFFLINE.
       */
      offline: number
      /**
       * Of status NO_MONITOR.
       */
      unmonitored: number
    }
    /**
     * Those found. Of many, as many as there is room for: those that are OFFLINE first, the longest of these before others.
     *
     * @maxItems 64
     *
     * Items: One member.
     */
    members: {
      /**
       * Of its Instance or Port, or its address.
       */
      name: string
      /**
       * Where it is reached.
       */
      ipAddress?: string
      /**
       * Where it listens.
       */
      port?: number
      /**
       * Whether it takes part, ONLINE or OFFLINE; NO_MONITOR where nobody looks.
       */
      status: 'ONLINE' | 'OFFLINE' | 'NO_MONITOR'
      /**
       * Why it is OFFLINE.
       */
      reason?: string
      /**
       * The same for people.
       */
      message?: string
      /**
       * Since when its status is that. Absent for one that was not listed before, and was so already.
       */
      since?: string
    }[]
    /**
     * Of rules with a pool, its members.
     *
     * @maxItems 16
     *
     * Items: One rule.
     */
    rules?: {
      /**
       * Its name.
       */
      name: string
      /**
       * How many members there are, also those that are not listed.
       */
      memberCounts: {
        /**
         * Of status ONLINE.
         */
        online: number
        /**
         * Of status OFFLINE.
         */
        offline: number
        /**
         * Of status NO_MONITOR.
         */
        unmonitored: number
      }
      /**
       * Those found. Of many, as many as there is room for: those that are OFFLINE first, the longest of these before others.
       *
       * @maxItems 64
       *
       * Items: One member.
       */
      members: {
        /**
         * Of its Instance or Port, or its address.
         */
        name: string
        /**
         * Where it is reached.
         */
        ipAddress?: string
        /**
         * Where it listens.
         */
        port?: number
        /**
         * Whether it takes part, ONLINE or OFFLINE; NO_MONITOR where nobody looks.
         */
        status: 'ONLINE' | 'OFFLINE' | 'NO_MONITOR'
        /**
         * Why it is OFFLINE.
         */
        reason?: string
        /**
         * The same for people.
         */
        message?: string
        /**
         * Since when its status is that. Absent for one that was not listed before, and was so already.
         */
        since?: string
      }[]
    }[]
  }[]
  /**
   * Of https listeners, the certificates in use.
   *
   * @maxItems 16
   *
   * Items: One certificate.
   */
  certificates?: {
    /**
     * Name of the Secret that it came from.
     */
    secret: string
    /**
     * Until when clients take it.
     */
    notAfter: string
    /**
     * SHA-256 of the certificate, in hex, as `openssl x509 -fingerprint -sha256` says it without colons.
     */
    fingerprint: string
    /**
     * For which names it is, as far as they are DNS names.
     *
     * @maxItems 16
     *
     * Items: One name.
     */
    dnsNames?: string[]
  }[]
  /**
   * What is true of this object now, as in the Kubernetes API conventions: Ready (usable now), Reconciling (we act or wait), Stalled (only a changed spec or a person can help), and stages.
   *
   * @maxItems 16
   *
   * Items: One condition.
   */
  conditions?: {
    /**
     * Its name in CamelCase.
     */
    type: string
    /**
     * Whether it holds.
     */
    status: 'True' | 'False' | 'Unknown'
    /**
     * A stable word in CamelCase for the last change; docs/troubleshooting.md lists them.
     */
    reason: string
    /**
     * A sentence for people: what happened and what would help.
     */
    message: string
    /**
     * The metadata.generation that this was found for.
     */
    observedGeneration?: number
    /**
     * When the status flipped last.
     */
    lastTransitionTime: string
  }[]
}
