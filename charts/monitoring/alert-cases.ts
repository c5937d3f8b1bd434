// SPDX-License-Identifier: Apache-2.0
// For each alert what is scraped once a minute, in promtool's notation (https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/),
// when it fires and when it does not. `charts/monitoring.integration.test.ts` has promtool itself judge them.

export interface AlertCase {
  alert: string
  severity: 'warning' | 'critical'
  fires: {
    series: Series
    /** When, such as `5m`. */
    at: string
    labels?: Record<string, string>
    summary: string
    description: string
  }
  /** Other series with which it fires likewise. */
  alsoFires?: Series
  quiet: { series: Series; at: string }
}

/** Values by series. */
type Series = Record<string, string>

const OPERATOR = 'job="nephele-operator", pod="a"'

export const ALERT_CASES: readonly AlertCase[] = [
  {
    alert: 'NepheleNoLeader',
    severity: 'critical',
    fires: {
      series: { 'nephele_leading{pod="a"}': '0x10', 'nephele_leading{pod="b"}': '1x2 0x8' },
      at: '6m',
      summary: 'No operator leads.',
      description:
        'For two minutes no process of the operator has held the Lease. Machines go on, and nothing that is applied or deleted happens.',
    },
    quiet: { series: { 'nephele_leading{pod="a"}': '0x10', 'nephele_leading{pod="b"}': '1x10' }, at: '10m' },
  },
  {
    alert: 'NepheleControlPlaneRegressed',
    severity: 'critical',
    fires: {
      series: { 'nephele_regressed{pod="a"}': '0 1', 'nephele_regressed{pod="b"}': '0 0' },
      at: '1m',
      summary: 'The operator writes nothing, since Kubernetes’ store went back in time.',
      description:
        'Nodes and the bus know newer facts than the resources hold. An administrator has to say which are right.',
    },
    quiet: { series: { 'nephele_regressed{pod="a"}': '0 0' }, at: '1m' },
  },
  {
    alert: 'NepheleQueueStuck',
    severity: 'warning',
    fires: {
      series: { 'nephele_queue_oldest_seconds{controller="port", pod="a"}': '100+60x10' },
      at: '6m',
      labels: { controller: 'port' },
      summary: 'The controller port does not keep up.',
      description: 'An object has waited for 7m 40s to be looked at.',
    },
    // A burst that is worked off.
    quiet: { series: { 'nephele_queue_oldest_seconds{controller="port", pod="a"}': '100 160 220 0x7' }, at: '10m' },
  },
  {
    alert: 'NepheleReconcileErrors',
    severity: 'warning',
    fires: {
      series: {
        'nephele_runs_total{controller="port", result="done"}': '0+60x40',
        'nephele_runs_total{controller="port", result="transient"}': '0+20x40',
        // By the reason it is there from its first failure on, and has no increase then.
        'nephele_run_errors_total{controller="port", reason="NetworkNotReady"}': '_ 20+20x39',
      },
      at: '30m',
      labels: { controller: 'port' },
      summary: 'Runs of the controller port fail.',
      description: '25% of its runs of the last ten minutes have failed.',
    },
    // Half of them fail, but there are two in ten minutes; and what users have to mend is refused.
    quiet: {
      series: {
        'nephele_runs_total{controller="port", result="done"}': '0+0.2x40',
        'nephele_runs_total{controller="port", result="transient"}': '0+0.2x40',
        'nephele_runs_total{controller="subnet", result="terminal"}': '_ 60+60x39',
        'nephele_runs_total{controller="subnet", result="transient"}': '0x40',
        'nephele_run_errors_total{controller="subnet", reason="AddressOutsideSubnet"}': '_ 60+60x39',
      },
      at: '40m',
    },
  },
  {
    alert: 'NepheleWatchStale',
    severity: 'warning',
    fires: {
      series: { [`nephele_watch_age_seconds{resource="instances", ${OPERATOR}}`]: '10+60x10' },
      at: '5m',
      labels: { resource: 'instances' },
      summary: 'The operator hears nothing of instances.',
      description: 'Its watch has been silent for 5m 10s; it shows itself alive every 40 seconds.',
    },
    quiet: { series: { [`nephele_watch_age_seconds{resource="instances", ${OPERATOR}}`]: '10 40 3 130 5 20x5' }, at: '10m' },
  },
  {
    alert: 'NepheleApiserverErrors',
    severity: 'warning',
    fires: {
      series: {
        'nephele_api_requests_total{verb="updateStatus", resource="ports.nephele.dev", code="200"}': '0+90x30',
        'nephele_api_requests_total{verb="updateStatus", resource="ports.nephele.dev", code="503"}': '0+5x30',
        'nephele_api_requests_total{verb="updateStatus", resource="ports.nephele.dev", code="0"}': '0+5x30',
      },
      at: '25m',
      labels: { verb: 'updateStatus' },
      summary: 'The apiserver does not answer the operator, or with errors.',
      description: '10% of the requests with the verb updateStatus fail.',
    },
    // Conflicts are the rule; watches end.
    quiet: {
      series: {
        'nephele_api_requests_total{verb="updateStatus", resource="ports.nephele.dev", code="200"}': '0+90x30',
        'nephele_api_requests_total{verb="updateStatus", resource="ports.nephele.dev", code="409"}': '0+50x30',
        'nephele_api_requests_total{verb="watch", resource="ports.nephele.dev", code="0"}': '0+50x30',
      },
      at: '30m',
    },
  },
  {
    alert: 'NepheleApiserverSlow',
    severity: 'warning',
    fires: {
      series: {
        'nephele_api_request_seconds_bucket{verb="create", le="1"}': '0+90x40',
        'nephele_api_request_seconds_bucket{verb="create", le="5"}': '0+100x40',
        'nephele_api_request_seconds_bucket{verb="create", le="+Inf"}': '0+100x40',
      },
      at: '30m',
      labels: { verb: 'create' },
      summary: 'The apiserver answers slowly.',
      description: 'One in a hundred requests with the verb create takes 4.6s or more.',
    },
    quiet: {
      series: {
        'nephele_api_request_seconds_bucket{verb="create", le="0.5"}': '0+100x40',
        'nephele_api_request_seconds_bucket{verb="create", le="+Inf"}': '0+100x40',
        'nephele_api_request_seconds_bucket{verb="list", le="5"}': '0+1x40',
        'nephele_api_request_seconds_bucket{verb="list", le="30"}': '0+100x40',
        'nephele_api_request_seconds_bucket{verb="list", le="+Inf"}': '0+100x40',
      },
      at: '40m',
    },
  },
  {
    alert: 'NepheleCertificateExpires',
    severity: 'warning',
    fires: {
      // promtool's clock begins in 1970.
      series: { [`nephele_certificate_expiration_timestamp_seconds{certificate="ca", ${OPERATOR}}`]: '867600x90' },
      at: '60m',
      labels: { certificate: 'ca', job: 'nephele-operator' },
      summary: 'The certificate ca of nephele-operator expires.',
      description: 'It ends in 10d 0h 0m 0s.',
    },
    quiet: {
      series: {
        [`nephele_certificate_expiration_timestamp_seconds{certificate="ca", ${OPERATOR}}`]: '31536000x90',
        'nephele_certificate_expiration_timestamp_seconds{certificate="identity", job="nephele-agent", node="n1"}': '200000x90',
      },
      at: '90m',
    },
  },
  {
    alert: 'NepheleBusDisconnected',
    severity: 'critical',
    fires: {
      series: { 'nephele_bus_connected{connection="agent", job="nephele-agent", node="n1"}': '1 0x10' },
      at: '5m',
      labels: { connection: 'agent', job: 'nephele-agent', node: 'n1' },
      summary: 'agent of nephele-agent has no connection to NATS.',
      description:
        'It has lasted three minutes. What runs goes on; changes do not reach nodes, or their reports the operator.',
    },
    // A server was restarted.
    quiet: {
      series: { 'nephele_bus_connected{connection="agent", job="nephele-agent", node="n1"}': '1 0 0 1x10' },
      at: '10m',
    },
  },
  {
    alert: 'NepheleBusFlapping',
    severity: 'warning',
    fires: {
      series: { 'nephele_bus_reconnects_total{connection="operator", job="nephele-operator"}': '0+1x60' },
      at: '60m',
      labels: { connection: 'operator', job: 'nephele-operator' },
      summary: 'The connection operator of nephele-operator to NATS is lost again and again.',
      description: 'It was made anew 60 times in the last hour.',
    },
    quiet: {
      series: { 'nephele_bus_reconnects_total{connection="operator", job="nephele-operator"}': '0 1x20 2x20 3x20' },
      at: '60m',
    },
  },
  {
    alert: 'NepheleBusBehind',
    severity: 'warning',
    fires: {
      series: { 'nephele_bus_pending_messages{bucket="observed", pod="a"}': '0 2000+100x10' },
      at: '7m',
      labels: { bucket: 'observed', pod: 'a' },
      summary: 'The operator is behind with the bucket observed of the bus.',
      description: 'What nodes report is seen late, or not at all.',
    },
    // JetStream has no leader: whoever follows begins again and again, and hears nothing.
    alsoFires: { 'nephele_bus_silence_seconds{bucket="observed", pod="a"}': '5 15+60x10' },
    // All is read again at the start.
    quiet: {
      series: {
        'nephele_bus_pending_messages{bucket="observed", pod="a"}': '9000 2000 0x9',
        'nephele_bus_silence_seconds{bucket="observed", pod="a"}': '5x10',
      },
      at: '10m',
    },
  },
  {
    alert: 'NepheleNodeExceedsItsShare',
    severity: 'warning',
    fires: {
      series: { 'nephele_bus_refused_total{excess="Bytes", pod="a"}': '0 0 1x10' },
      at: '5m',
      labels: { excess: 'Bytes' },
      summary: 'A node writes more to the bus than its share.',
      description:
        'Its sessions were ended, and it is cut off for ten minutes (Bytes). An agent does not do that by itself.',
    },
    quiet: { series: { 'nephele_bus_refused_total{excess="Bytes", pod="a"}': '3x40' }, at: '40m' },
  },
  {
    alert: 'NepheleLoginsRefused',
    severity: 'warning',
    fires: {
      series: { 'nephele_bus_logins_total{outcome="refused", pod="a"}': '0+60x40' },
      at: '30m',
      labels: { outcome: 'refused' },
      summary: 'Logins to the bus are not admitted.',
      description: '1 a second come to refused.',
    },
    quiet: {
      series: {
        'nephele_bus_logins_total{outcome="allowed", pod="a"}': '0+600x40',
        'nephele_bus_logins_total{outcome="crowded", pod="a"}': '0 40x40',
      },
      at: '40m',
    },
  },
  {
    alert: 'NepheleNetworkBackendUnhealthy',
    severity: 'critical',
    fires: {
      series: { 'nephele_network_backend_healthy{reason="NorthdBehind", pod="a"}': '0x10' },
      at: '3m',
      labels: { reason: 'NorthdBehind' },
      summary: 'OVN does not take up what the operator writes.',
      description:
        'The Cloud says why in its condition NetworkBackendHealthy: NorthdBehind. Traffic goes on as it is; new ports get none.',
    },
    quiet: { series: { 'nephele_network_backend_healthy{reason="Healthy", pod="a"}': '1x10' }, at: '10m' },
  },
  {
    alert: 'NepheleOvnDisconnected',
    severity: 'critical',
    fires: {
      series: {
        'nephele_ovn_connected{database="northbound", pod="a"}': '1x10',
        'nephele_ovn_connected{database="southbound", pod="a"}': '1 0x10',
      },
      at: '4m',
      labels: { database: 'southbound' },
      summary: 'The operator is not connected to OVN’s southbound database.',
      description: 'It has lasted two minutes.',
    },
    quiet: { series: { 'nephele_ovn_connected{database="northbound", pod="a"}': '1 0 1x10' }, at: '10m' },
  },
  {
    alert: 'NephelePortsTaken',
    severity: 'critical',
    fires: {
      series: { 'nephele_ports_taken{pod="a"}': '0 2x10' },
      at: '4m',
      summary: 'A node claims ports that belong elsewhere.',
      description: 'There are 2. A node that does so reads and answers traffic of machines that are not on it.',
    },
    quiet: { series: { 'nephele_ports_taken{pod="a"}': '0 1 0x10' }, at: '10m' },
  },
  {
    alert: 'NepheleSwitchDisconnected',
    severity: 'warning',
    fires: {
      series: { 'nephele_agent_switch_connected{job="nephele-agent", node="n1"}': '0x10' },
      at: '6m',
      labels: { job: 'nephele-agent', node: 'n1' },
      summary: 'The agent of n1 does not reach the node’s switch.',
      description: 'No port is plugged there, and no machine with a network is started.',
    },
    quiet: { series: { 'nephele_agent_switch_connected{job="nephele-agent", node="n1"}': '0 0 1x10' }, at: '10m' },
  },
  {
    alert: 'NepheleNodeNotReady',
    severity: 'warning',
    fires: {
      series: {
        'nephele_nodes{ready="Unknown", reason="NodeSilent", pod="a"}': '2x20',
        'nephele_nodes{ready="Unknown", reason="NodeSilent", pod="b"}': '2x20',
        'nephele_nodes{ready="True", reason="Ready", pod="a"}': '8x20',
      },
      at: '12m',
      labels: { reason: 'NodeSilent' },
      summary: 'ComputeNodes are not ready.',
      description: 'There are 2 with the reason NodeSilent.',
    },
    quiet: {
      series: {
        'nephele_nodes{ready="Unknown", reason="NodeSilent", pod="a"}': '1x5 _x15',
        'nephele_nodes{ready="True", reason="Ready", pod="a"}': '8x20',
      },
      at: '20m',
    },
  },
  {
    alert: 'NepheleUnknownMachines',
    severity: 'warning',
    fires: {
      series: { 'nephele_nodes_with_unknown_machines{pod="a"}': '1x20' },
      at: '12m',
      summary: 'Nodes have machines that nothing put there.',
      description: 'There are 1 such nodes.',
    },
    quiet: { series: { 'nephele_nodes_with_unknown_machines{pod="a"}': '0x20' }, at: '20m' },
  },
  {
    alert: 'NepheleNodeWorkStuck',
    severity: 'warning',
    fires: {
      series: { 'nephele_node_work_oldest_seconds{node="n1", pod="a"}': '301+60x10' },
      at: '7m',
      labels: { node: 'n1' },
      summary: 'The agent of n1 does not keep up.',
      description: 'Something has waited there for 12m 1s.',
    },
    quiet: { series: { 'nephele_node_work_oldest_seconds{node="n1", pod="a"}': '200 320 20 0x10' }, at: '10m' },
  },
  {
    alert: 'NepheleDriverErrors',
    severity: 'warning',
    fires: {
      series: {
        'nephele_agent_driver_outcomes_total{driver="libvirt", result="ok", node="n1"}': '0+5x40',
        'nephele_agent_driver_outcomes_total{driver="libvirt", result="error", node="n1"}': '0+5x40',
      },
      at: '25m',
      labels: { driver: 'libvirt', node: 'n1' },
      summary: 'The driver libvirt fails on n1.',
      description: '50% of its calls of the last ten minutes have failed.',
    },
    // What was given up because something newer came is no failure, and a dead URL is its user's.
    quiet: {
      series: {
        'nephele_agent_driver_outcomes_total{driver="libvirt", result="ok", node="n1"}': '0+5x40',
        'nephele_agent_driver_outcomes_total{driver="libvirt", result="aborted", node="n1"}': '0+5x40',
        'nephele_agent_driver_outcomes_total{driver="libvirt", result="error", node="n1"}': '0+0.1x40',
        'nephele_agent_driver_outcomes_total{driver="image-cache", result="refused", node="n1"}': '0+20x40',
        'nephele_agent_driver_outcomes_total{driver="image-cache", result="error", node="n1"}': '0x40',
      },
      at: '40m',
    },
  },
  {
    alert: 'NepheleAgentSilent',
    severity: 'warning',
    fires: {
      series: { 'up{job="nephele-agent", node="n1"}': '0x20' },
      at: '12m',
      labels: { job: 'nephele-agent', node: 'n1' },
      summary: 'The metrics of n1 cannot be read.',
      description: 'Its agent does not answer what passes them on.',
    },
    quiet: { series: { 'up{job="nephele-agent", node="n1"}': '0x5 1x15', 'up{job="other"}': '0x20' }, at: '20m' },
  },
  {
    alert: 'NepheleNodeCertificateNotRenewed',
    severity: 'critical',
    fires: {
      series: {
        'nephele_certificate_expiration_timestamp_seconds{certificate="identity", job="nephele-agent", node="n1"}': '37200x30',
      },
      at: '20m',
      labels: { certificate: 'identity', job: 'nephele-agent', node: 'n1' },
      summary: 'The certificate of n1 was not renewed.',
      description: 'It ends in 10h 0m 0s. Without it the node’s ovn-controller loses the southbound database.',
    },
    // A day is left when it is renewed.
    quiet: {
      series: {
        'nephele_certificate_expiration_timestamp_seconds{certificate="identity", job="nephele-agent", node="n1"}': '90000x30',
      },
      at: '30m',
    },
  },
  {
    alert: 'NepheleBuildsFail',
    severity: 'warning',
    fires: {
      // Five within a minute, for a reason that there was none of before, and none has ever become ACTIVE.
      series: {
        'nephele_instance_builds_failed_total{pod="a"}': '0x20 5x40',
        'nephele_instance_builds_failed_total{pod="b"}': '0x60',
        'nephele_instance_build_errors_total{reason="DomainRefused", pod="a"}': '_x20 5x40',
        'nephele_instance_build_seconds_count{stage="Active", pod="a"}': '0x60',
      },
      at: '40m',
      summary: 'New machines come to ERROR.',
      description: '100% of those of the last half hour did, for reasons that their users cannot mend.',
    },
    // Some of many; and as many as a tenant likes who names a Flavor that is too small.
    quiet: {
      series: {
        'nephele_instance_builds_failed_total{pod="a"}': '0+1x60',
        'nephele_instance_build_errors_total{reason="FlavorTooSmall", pod="a"}': '_ 50+50x59',
        'nephele_instance_build_seconds_count{stage="Active", pod="a"}': '0+20x60',
      },
      at: '60m',
    },
  },
  {
    alert: 'NepheleBuildsSlow',
    severity: 'warning',
    fires: {
      series: {
        'nephele_instance_build_seconds_bucket{stage="Active", le="300"}': '0+8x60',
        'nephele_instance_build_seconds_bucket{stage="Active", le="600"}': '0+10x60',
        'nephele_instance_build_seconds_bucket{stage="Active", le="+Inf"}': '0+10x60',
      },
      at: '50m',
      summary: 'New machines take long to become ACTIVE.',
      description: 'One in ten takes 7m 30s or more.',
    },
    quiet: {
      series: {
        'nephele_instance_build_seconds_bucket{stage="Active", le="30"}': '0+9x60',
        'nephele_instance_build_seconds_bucket{stage="Active", le="600"}': '0+10x60',
        'nephele_instance_build_seconds_bucket{stage="Active", le="+Inf"}': '0+10x60',
      },
      at: '60m',
    },
  },
  {
    alert: 'NephelePoolAlmostFull',
    severity: 'warning',
    fires: {
      series: {
        'nephele_storage_pool_gib{pool="files", node="s1", what="free", pod="a"}': '5x30',
        'nephele_storage_pool_gib{pool="files", node="s1", what="total", pod="a"}': '100x30',
      },
      at: '20m',
      labels: { pool: 'files', node: 's1' },
      summary: 'The pool files on s1 is almost full.',
      description: '5% of its file system are free.',
    },
    quiet: {
      series: {
        'nephele_storage_pool_gib{pool="files", node="s1", what="free", pod="a"}': '50x30',
        'nephele_storage_pool_gib{pool="files", node="s1", what="total", pod="a"}': '100x30',
        // It does not answer, which another alert says.
        'nephele_storage_pool_gib{pool="files", node="s2", what="free", pod="a"}': '0x30',
        'nephele_storage_pool_gib{pool="files", node="s2", what="total", pod="a"}': '0x30',
      },
      at: '30m',
    },
  },
  {
    alert: 'NepheleVolumesWithoutRoom',
    severity: 'warning',
    fires: {
      series: { 'nephele_volumes_without_room{pool="files", pod="a"}': '3x30' },
      at: '20m',
      labels: { pool: 'files' },
      summary: 'Volumes wait for room in the pool files.',
      description: 'There are 3.',
    },
    quiet: { series: { 'nephele_volumes_without_room{pool="files", pod="a"}': '1x5 0x25' }, at: '30m' },
  },
  {
    alert: 'NephelePoolUnusable',
    severity: 'critical',
    fires: {
      series: { 'nephele_agent_pool_healthy{pool="files", job="nephele-agent", node="s1"}': '1 0x10' },
      at: '7m',
      labels: { pool: 'files', job: 'nephele-agent', node: 's1' },
      summary: 'The pool files on s1 cannot be used.',
      description: 'Its disk hangs, is not mounted or does not answer. Machines with its volumes wait for their disks.',
    },
    quiet: { series: { 'nephele_agent_pool_healthy{pool="files", job="nephele-agent", node="s1"}': '1x10' }, at: '10m' },
  },
]
