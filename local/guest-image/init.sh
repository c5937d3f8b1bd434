#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# PID 1 of the test guest: DHCP, OpenStack metadata (config drive first, then 169.254.169.254 or fe80::a9fe:a9fe), ssh keys, user data, a web server,
# and one line "MARK what uptime details" on the serial console for each step, which tests and `npm run cloud` read.
/bin/busybox --install -s /bin
export PATH=/bin:/usr/sbin HOME=/root
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/pts /media/config
mount -t devpts pts /dev/pts
while read -r module; do insmod "/mod/$module.ko" 2>/dev/null; done < /mod/order
up() { cut -d' ' -f1 /proc/uptime; }

acpid # /etc/acpi: the power button

service=169.254.169.254
echo "MARK boot $(up) $(cat /proc/sys/kernel/random/boot_id)"
ip link set lo up
if [ -e /sys/class/net/eth0 ]; then
  for nic in /sys/class/net/eth*; do
    nic=${nic##*/}
    ip link set "$nic" up
    [ "$nic" = eth0 ] || udhcpc -i "$nic" -O mtu -O staticroutes -t 20 -T 1 -A 1 -s /etc/dhcp.sh -b >/dev/null 2>&1
  done
  lease() { udhcpc -i eth0 -O mtu -O staticroutes -O hostname -T 1 -A 1 -s /etc/dhcp.sh "$@" >/dev/null 2>&1; }
  # What it made of a router advertisement.
  made() { ip -6 -o addr show dev eth0 scope global | grep -v tentative | sed -n '1s/.*inet6 \([^ ]*\).*/\1/p'; }
  six=
  for _ in 1 2 3 4 5 6 7; do
    lease -t 3 -n && break
    # An advertisement says nothing of IPv4, and may have come first: that is asked for once more.
    [ -z "$six" ] || break
    six=$(made)
  done
  if [ -n "$(ip -4 -o addr show dev eth0)" ]; then :
  elif [ -n "$six" ]; then
    service='[fe80::a9fe:a9fe%eth0]'
    udhcpc6 -i eth0 -l -n -q -t 5 -T 1 -s /etc/dhcp6.sh >/dev/null 2>&1
  else lease -t 1 -b; fi
  address=$(ip -4 -o addr show dev eth0 | sed 's/.*inet \([^ ]*\).*/\1/')
  echo "MARK net $(up) ${address:-$six} mtu $(cat /sys/class/net/eth0/mtu)"
fi

drive=$(findfs LABEL=config-2 2>/dev/null)
[ -z "$drive" ] || mount -o ro "$drive" /media/config || drive=
get() {
  if [ -n "$drive" ]; then cat "/media/config/openstack/latest/$1" 2>/dev/null; return; fi
  wget -q -T 3 -O - "http://$service/openstack/latest/$1" 2>/dev/null
}
meta=
if [ -n "$drive" ] || [ -e /sys/class/net/eth0 ]; then
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    meta=$(get meta_data.json) && [ -n "$meta" ] && break
    sleep 1
  done
fi
if [ -n "$meta" ]; then echo "MARK meta $(up) ${drive:-http} $meta"; else echo "MARK meta-failed $(up)"; fi
name=$(echo "$meta" | sed -n 's/.*"hostname": *"\([^"]*\)".*/\1/p')
[ -z "$name" ] || hostname "$name"
echo "$meta" | grep -o 'ssh-[a-z0-9]* [A-Za-z0-9+/=]*' > /root/.ssh/authorized_keys
chmod -R go= /root

for disk in /dev/vd[b-z]; do
  [ -b "$disk" ] && [ "$disk" != "$drive" ] || continue
  found=$(head -c 48 "$disk" | tr -d '\0')
  echo "MARK disk $(up) $disk found [$found]"
  [ -n "$found" ] || printf 'disk-%s' "$(hostname)" | dd of="$disk" conv=notrunc,fsync 2>/dev/null
done

dropbear -R -s 2>/dev/null
mkdir -p /tmp/www/cgi-bin
hostname > /tmp/www/index.html
cp /proc/sys/kernel/random/boot_id /tmp/www/boot_id
httpd -p 80 -h /tmp/www
get user_data > /tmp/user_data
if [ "$(head -c 2 /tmp/user_data)" = '#!' ]; then
  chmod +x /tmp/user_data
  /tmp/user_data
fi
echo "MARK login $(up)"

while read -r module; do insmod "/mod/$module.ko" 2>/dev/null; done < /mod/agent
port=$(grep -lx org.qemu.guest_agent.0 /sys/class/virtio-ports/*/name 2>/dev/null)
if [ -n "$port" ]; then
  port=${port%/name}
  qemu-ga --daemonize --method=virtio-serial --path="/dev/${port##*/}" --statedir=/run --logfile=/var/log/qemu-ga.log
fi
# The same on the screen, where there is one.
[ ! -c /dev/tty1 ] || while :; do setsid sh -c 'exec sh <> /dev/tty1 >&0 2>&1'; sleep 1; done &
while :; do setsid cttyhack sh; done
