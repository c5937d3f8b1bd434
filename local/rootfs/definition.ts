// SPDX-License-Identifier: Apache-2.0
// What stands in the root file system that all nodes share read-only: Debian trixie with QEMU, libvirt, OVS, OVN, and what builds
// the guest image. Changing anything here makes another root file system (build.ts hashes this definition).

export const SUITE = 'trixie'

/** What local/guest-image/build.sh runs; Debian's base has the rest. */
export const GUEST_IMAGE_PACKAGES = [
  ...['busybox-static', 'dropbear-bin', 'qemu-guest-agent'],
  ...['mtools', 'syslinux', 'syslinux-common'],
] as const

/** Without recommends: what a daemon needs at run time and does not depend on (DPDK's plug-ins) is named. */
export const PACKAGES = [
  // what the node's init and its operator's eyes need
  ...[
    'iproute2',
    'iputils-ping',
    'procps',
    'kmod',
    'ethtool',
    'nftables',
    'tcpdump',
    'socat',
    'curl',
    'openssh-client',
  ],
  ...['qemu-system-x86', 'qemu-utils', 'qemu-block-extra', 'seabios', 'ovmf', 'ipxe-qemu', 'swtpm', 'swtpm-tools'],
  ...['libvirt-daemon', 'libvirt-clients', 'libvirt-daemon-driver-qemu', 'libvirt-daemon-driver-storage'],
  ...['libvirt-daemon-driver-network', 'libvirt-daemon-driver-interface', 'libvirt-daemon-driver-nodedev'],
  ...['libvirt-daemon-driver-secret', 'libvirt-daemon-driver-nwfilter'],
  // Guests' profiles are compiled by it where the kernel has AppArmor.
  'apparmor',
  ...['openvswitch-switch', 'openvswitch-switch-dpdk', 'ovn-central', 'ovn-host'],
  // Without the mempool plug-in vhost-user ports connect, look healthy and drop every packet.
  ...['librte-mempool-ring25', 'librte-bus-vdev25', 'librte-net-virtio25', 'librte-net-vhost25'],
  ...['dnsmasq-base', 'haproxy', 'keepalived', 'tgt'],
  // The agent starts its own charons; Debian's unit starts none here (policy-rc.d).
  ...['charon-systemd', 'libcharon-extra-plugins'],
  ...GUEST_IMAGE_PACKAGES,
] as const

/** Nobody reads these in a node; leaving them out saves 65 MB. */
export const EXCLUDED_PATHS = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*', '/usr/share/info/*']

/** Run by mmdebstrap in sh with the new root as $1. A node starts its daemons itself: package scripts must not. */
const BEFORE_PACKAGES =
  'printf "#!/bin/sh\\nexit 101\\n" > "$1/usr/sbin/policy-rc.d"; chmod 755 "$1/usr/sbin/policy-rc.d"'

/** The guest's kernel and the signed boot loaders, unpacked and not installed: no initramfs, nothing of it in the node's own paths. Run in sh. */
export const UNPACK_GUEST_KERNEL = `cd /tmp
package=$(apt-cache depends linux-image-cloud-amd64 | sed -n "s/.*Depends: \\(linux-image-6[^ ]*\\).*/\\1/p" | head -n 1)
apt-get download "$package" shim-signed grub-efi-amd64-signed
for package in linux-image-*.deb shim-signed_*.deb grub-efi-amd64-signed_*.deb; do dpkg -x "$package" /usr/lib/guest-kernel; done
rm *.deb`

const GUEST_KERNEL = `
set -e
mkdir -p "$1/usr/lib/guest-kernel"
chroot "$1" sh -e -c '${UNPACK_GUEST_KERNEL}'
`

/** @param morePackages for nodes that need more than those of the local cloud */
export function mmdebstrapArguments(target: string, morePackages: readonly string[] = []): string[] {
  return [
    '--mode=root',
    '--variant=minbase',
    `--include=${[...PACKAGES, ...morePackages].join(',')}`,
    ...EXCLUDED_PATHS.map((path) => `--dpkgopt=path-exclude=${path}`),
    `--essential-hook=${BEFORE_PACKAGES}`,
    `--customize-hook=${GUEST_KERNEL}`,
    SUITE,
    target,
  ]
}
