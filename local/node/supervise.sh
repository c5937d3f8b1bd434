#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# PID 1 of a node, in its own root: starts the node's daemons, starts again what dies, reaps orphans (QEMU's parent is libvirtd only
# until it has started). In a real node this is systemd. No daemon is a
# child of the agent, which comes and goes by itself.
#
#   /run/nephele-node/NAME.pid    its pid in the node's PID namespace
#   /run/nephele-node/NAME.hold   while this exists NAME is not started again; SIGUSR1 to PID 1 makes it look
#   /run/nephele-node/ready       every service of SERVICES answered once
#   /var/log/nephele-node/NAME.log
# SERVICES: any of virtlogd libvirtd ovsdb ovs-vswitchd ovn-controller ovn-nb ovn-sb ovn-northd agent resolver, and for a cluster's
# nodes containerd kubelet kube-proxy. With DPDK_MEMORY_MIB the switch runs on DPDK and polls on the CPUs of DPDK_CPU_MASK.
set -uo pipefail
state=/run/nephele-node ovs=/run/openvswitch ovn=/run/ovn
mkdir -p $state /run/{lock,openvswitch,ovn,libvirt,nephele} /var/lib/{ovn,nephele} /var/log/{nephele-node,openvswitch,ovn}
# libvirtd refuses a configuration (qemu.conf) whose folder is missing; the agent fills it once the node has a certificate.
mkdir -p -m 711 /var/lib/nephele/pki
mkdir -p -m 750 /var/lib/nephele/pki/qemu
declare -A pid_of=() started_at=()

run() { # NAME COMMAND...: in the background, supervised
  local name=$1 delay=0
  shift
  # What dies young is given time: no hot loop.
  [ $((SECONDS - ${started_at[$name]:--10})) -ge 3 ] || delay=1
  started_at[$name]=$SECONDS
  ( sleep $delay; exec "$@" ) < /dev/null >> "/var/log/nephele-node/$name.log" 2>&1 &
  pid_of[$name]=$!
  echo $! > "$state/$name.pid.new"
  mv "$state/$name.pid.new" "$state/$name.pid"
}

underlay() { # br-phys and its address are gone whenever ovs-vswitchd is: its ports are taps of that process
  ovs-vsctl --timeout=30 -- --may-exist add-br br-phys -- set bridge br-phys datapath_type=netdev -- --may-exist add-port br-phys eth1
  # eth2 is the agent's, for a physical network: what the switch reads and writes through the kernel has its checksums complete.
  for device in eth1 eth2; do ethtool -K $device tx off > /dev/null; done
  # A database that knows the bridge already changes nothing and is not waited for: the device comes when vswitchd gets there.
  until ip link set br-phys up 2> /dev/null; do sleep 0.02; done
  ip address replace "$TUNNEL_CIDR" dev br-phys
  : > $state/underlay
}

start() {
  [ ! -e "$state/$1.hold" ] || return 0
  case $1 in
    virtlogd) run virtlogd virtlogd ;;
    libvirtd) run libvirtd libvirtd ;;
    ovsdb)
      [ -e /etc/openvswitch/conf.db ] || ovsdb-tool create /etc/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema
      run ovsdb ovsdb-server /etc/openvswitch/conf.db --remote=punix:$ovs/db.sock --pidfile \
        --log-file --no-chdir -vconsole:off
      ;;
    ovs-vswitchd)
      until [ -S $ovs/db.sock ]; do sleep 0.02; done
      # What identifies this host; where the southbound database is and with which certificate is the agent's to say.
      ovs-vsctl --timeout=10 --no-wait init -- set open . external_ids:system-id="$NODE_NAME" external_ids:hostname="$NODE_NAME" \
        external_ids:ovn-encap-type=geneve external_ids:ovn-encap-ip="${TUNNEL_CIDR%/*}" \
        external_ids:ovn-bridge-datapath-type=netdev
      local program=/usr/lib/openvswitch-switch/ovs-vswitchd
      if [ -n "$DPDK_MEMORY_MIB" ]; then
        program=/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk
        # The limit: without it the switch takes 900 MiB. The sleep: an idle poll-mode thread would keep its CPU to itself.
        ovs-vsctl --timeout=10 --no-wait set open . other_config:dpdk-init=true other_config:dpdk-extra="--no-pci" \
          other_config:dpdk-socket-mem="$DPDK_MEMORY_MIB" other_config:dpdk-socket-limit="$DPDK_MEMORY_MIB" \
          other_config:pmd-cpu-mask="$DPDK_CPU_MASK" other_config:pmd-sleep-max=500
      fi
      # Under its usual name, which its pid file and control socket take.
      run ovs-vswitchd env --argv0=ovs-vswitchd $program unix:$ovs/db.sock --pidfile \
        --log-file --no-chdir -vconsole:off
      underlay >> /var/log/nephele-node/underlay.log 2>&1 &
      ;;
    ovn-controller)
      # The log where ovn-ctl has it, and the agent reads it.
      run ovn-controller ovn-controller unix:$ovs/db.sock --pidfile --log-file=/var/log/ovn/ovn-controller.log --no-chdir -vconsole:off
      ;;
    ovn-nb) database nb 6641 --remote=pssl:6641:"$MANAGEMENT_ADDRESS" ;;
    ovn-sb) database sb 6642 --remote=db:OVN_Southbound,SB_Global,connections ;;
    ovn-northd)
      until [ -S $ovn/ovnnb_db.sock ] && [ -S $ovn/ovnsb_db.sock ]; do sleep 0.02; done
      ovn-nbctl --timeout=10 --no-leader-only init
      # Writes of nodes are checked against their certificate's name (RBAC of ovn-sb(5)); 6643 is for who reads alone.
      ovn-sbctl --timeout=10 init
      ovsdb-client --timeout=10 transact unix:$ovn/ovnsb_db.sock "$(cat /usr/local/lib/nephele-ovn/southbound-role.json)" > /dev/null
      ovn-sbctl --timeout=10 set-connection role=nephele-node-4 pssl:6642:"$MANAGEMENT_ADDRESS" \
        role= read-only pssl:6643:"$MANAGEMENT_ADDRESS"
      run ovn-northd ovn-northd --ovnnb-db=unix:$ovn/ovnnb_db.sock --ovnsb-db=unix:$ovn/ovnsb_db.sock --n-threads=2 --pidfile \
        --log-file --no-chdir -vconsole:off
      ;;
    agent)
      # No token yet: the next turn looks again.
      [ -s /run/secrets/nephele/token ] || return 0
      local environment
      mapfile -t environment < /etc/nephele/agent.env
      run agent env "${environment[@]}" /opt/nephele/bin/node --max-semi-space-size=2 /opt/nephele/dist/agent.mjs
      ;;
    resolver) run resolver /opt/nephele/bin/node --max-semi-space-size=1 /opt/nephele/dist/resolver.mjs ;;
    containerd) run containerd containerd --config /etc/containerd/config.toml ;;
    kubelet)
      until [ -S /run/containerd/containerd.sock ]; do sleep 0.05; done
      # Where it looks for processes that ran out of memory.
      [ -e /dev/kmsg ] || mknod /dev/kmsg c 1 11
      run kubelet /opt/kubernetes/kubelet --config=/etc/kubernetes/kubelet.yaml --kubeconfig=/etc/kubernetes/kubelet.kubeconfig \
        --hostname-override="$NODE_NAME" --node-ip="$MANAGEMENT_ADDRESS" --cert-dir=/var/lib/kubelet/pki
      ;;
    kube-proxy) run kube-proxy /opt/kubernetes/kube-proxy --config=/etc/kubernetes/kube-proxy.yaml ;;
    *) echo "no such service: $1" >&2 ;;
  esac
}

database() { # nb|sb, port, remote
  local db=/var/lib/ovn/ovn$1_db.db pki=/etc/ovn/pki
  [ -e "$db" ] || ovsdb-tool create "$db" "/usr/share/ovn/ovn-$1.ovsschema"
  run "ovn-$1" ovsdb-server "$db" --remote=punix:$ovn/ovn"$1"_db.sock "$3" --private-key=$pki/server.key \
    --certificate=$pki/server.crt --ca-cert=$pki/"$1"-clients.crt --unixctl=$ovn/ovn"$1"_db.ctl --pidfile=$ovn/ovn"$1"_db.pid \
    --log-file=/var/log/ovn/ovsdb-server-"$1".log --no-chdir -vconsole:off
}

is_ready() { # SERVICE
  case $1 in
    libvirtd) virsh -c qemu:///system version > /dev/null 2>&1 ;;
    ovs-vswitchd) [ -e $state/underlay ] ;;
    ovn-controller) [ -S "$ovn/ovn-controller.$(cat $ovn/ovn-controller.pid 2>/dev/null).ctl" ] ;;
    agent) ;; # comes when its token does
    containerd) [ -S /run/containerd/containerd.sock ] ;;
    *) [ -s "$state/$1.pid" ] ;;
  esac
}

report_ready() {
  local service
  for service in $SERVICES; do until is_ready "$service"; do sleep 0.05; done; done
  : > $state/ready
}

# The handler only has to exist: a trapped signal ends `wait`, and an ignored one would be inherited by every daemon.
trap : USR1
for service in $SERVICES; do start "$service"; done
report_ready &
# `wait -n` forgets a child whose end bash has already written about, so each turn looks at all of them, and a second's sleep among
# the children bounds what a missed one costs.
tick=
while :; do
  kill -0 "${tick:-x}" 2> /dev/null || { sleep 1 & tick=$!; }
  wait -n
  for service in $SERVICES; do kill -0 "${pid_of[$service]:-x}" 2> /dev/null || start "$service"; done
done
