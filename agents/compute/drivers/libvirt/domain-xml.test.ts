// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { EMULATED_CODE_MIB } from '../../../../lib/node-room.ts'
import { DEFAULT_PATHS } from '../../testing.ts'
import { MAX_VOLUMES, type InstanceWant, type NicWant, type VolumeWant } from '../../instance-driver.ts'
import { instanceWant, nicWant } from '../testing.ts'
import { diskName, toDetachXml, toVolumeXml, volumeAlias } from './disk-xml.ts'
import { domainUuid } from './domain-name.ts'
import { toDomainXml } from './domain-xml.ts'
import { readDiskServers, readDomainXml } from './live-xml.ts'
import { toMarkedNic } from '../marked-nic.ts'
import { readMark, toMarkXml } from './metadata.ts'
import { parseXml, type XmlElement } from './xml-element.ts'

const UID = '0b9c6f3e-1111-4222-8333-444455556666'
const VOLUME = 'aaaaaaaa-1111-4222-8333-444455556666'
const PORT = 'bbbbbbbb-cccc-4222-8333-444455556666'
const xmlOf = (overrides: Partial<InstanceWant> = {}, acceleration: 'kvm' | 'qemu' = 'qemu'): string =>
  toDomainXml(instanceWant({ uid: UID, ...overrides }), { acceleration, paths: DEFAULT_PATHS })
const all = (element: XmlElement, name: string): XmlElement[] => [...element.getElementsByTagName(name)]
const attribute = (element: XmlElement, path: string[], name: string): string | null => {
  let at: XmlElement | undefined = element
  for (const step of path) at = at && all(at, step)[0]
  return at?.getAttribute(name) ?? null
}

const at = (path: string): VolumeWant => ({ uid: 'v', connection: { protocol: 'file', path, format: 'raw' } })

describe('toDomainXml', () => {
  test('disks behind the root disk have their places, format and names for the guest, whichever there are', () => {
    const configDrive = [{ path: 'a', content: 'x' }]
    const disks = (more: Partial<InstanceWant>) =>
      all(parseXml(xmlOf(more)), 'disk').map((disk) =>
        [
          ...[
            attribute(disk, ['target'], 'dev'),
            attribute(disk, ['driver'], 'type'),
            all(disk, 'serial')[0]?.textContent,
          ],
          ...all(disk, 'readonly').map(() => 'readonly'),
        ].join(' '),
      )
    const root = `vda qcow2 ${UID.slice(0, 20)}`
    const [ephemeral, swap] = ['vdz qcow2 ephemeral0', 'vdaa raw swap0']
    expect(disks({})).toEqual([root])
    expect(disks({ ephemeralGiB: 1, swapMiB: 1 })).toEqual([root, ephemeral, swap])
    expect(disks({ swapMiB: 1 })).toEqual([root, swap])
    expect(disks({ configDrive })).toEqual([root, 'vdab raw config-2 readonly'])
    const boots = all(parseXml(xmlOf({ swapMiB: 1 })), 'boot').map((boot) => boot.getAttribute('order'))
    expect(boots).toEqual(['1'])
  })

  const byRescue = (properties: InstanceWant['properties'] = {}): Partial<InstanceWant> => ({
    ...{ ephemeralGiB: 1, swapMiB: 1, configDrive: [{ path: 'a', content: 'x' }], properties },
    rescue: { number: 3, sha256: '1'.repeat(64), format: 'raw', sizeBytes: 1 },
    volumes: ['v0', 'v1'].map((uid) => ({ ...at(`/v/${uid}`), uid })),
    nics: [nicWant({ portUid: PORT })],
  })
  test.each<[string, Partial<InstanceWant>, string[]]>([
    [
      'the rescue disk is the first, the own root disk the second, all others follow, and the last has the port behind the interfaces',
      byRescue(),
      [
        ...['vda rescue boot', `vdb ${UID.slice(0, 20)}`, 'vdc v0', 'vdd v1', 'vdaa ephemeral0', 'vdab swap0'],
        'vdac config-2 bus 0x28',
      ],
    ],
    [
      'with Nova’s property of the rescue image it is the last, and all others keep their names',
      byRescue({ hw_rescue_device: 'disk' }),
      [
        ...[`vda ${UID.slice(0, 20)}`, 'vdb v0', 'vdc v1', 'vdz ephemeral0', 'vdaa swap0', 'vdab config-2'],
        'vdac rescue boot bus 0x28',
      ],
    ],
    [
      'behind the last of many interfaces',
      { ...byRescue({ hw_rescue_bus: 'virtio' }), volumes: [], nics: [nicWant({ portUid: PORT, slot: 11 })] },
      [...[`vda ${UID.slice(0, 20)}`, 'vdz ephemeral0', 'vdaa swap0', 'vdab config-2'], 'vdac rescue boot bus 0x2c'],
    ],
    [
      'without a config drive all have their ports',
      { rescue: byRescue().rescue! },
      ['vda rescue boot', `vdb ${UID.slice(0, 20)}`],
    ],
  ])('in rescue %s', (_, more, expected) => {
    const root = parseXml(xmlOf(more))
    const disks = all(root, 'disk').map((disk) => {
      const [boot, bus] = [attribute(disk, ['boot'], 'order'), attribute(disk, ['address'], 'bus')]
      const words = [attribute(disk, ['target'], 'dev'), all(disk, 'serial')[0]?.textContent]
      return [...words, ...(boot === null ? [] : ['boot']), ...(bus === null ? [] : [`bus ${bus}`])].join(' ')
    })
    expect(disks).toEqual(expected)
    const bus = Math.max(...all(root, 'controller').map((one) => Number(one.getAttribute('index'))))
    const used = all(root, 'disk').map((disk) => Number(attribute(disk, ['address'], 'bus') ?? 0))
    expect(bus).toBeGreaterThanOrEqual(Math.max(...used))
    const [ours] = all(root, 'disk').filter((disk) => all(disk, 'serial')[0]?.textContent === 'rescue')
    expect(attribute(ours!, ['source'], 'file')).toBe(`/var/lib/nephele/instances/${UID}/rescue.3.qcow2`)
    expect(attribute(ours!, ['backingStore', 'source'], 'file')).toBe(`/var/lib/nephele/images/_base/${'1'.repeat(64)}`)
    expect(attribute(ours!, ['backingStore', 'format'], 'type')).toBe('raw')
  })

  test('a screen listens on a socket of libvirt’s own alone, and takes no other device’s place', () => {
    const root = parseXml(xmlOf({ nics: [nicWant({ portUid: PORT })] }))
    expect(xmlOf().match(/<graphics.*?<\/graphics>/gs)).toEqual([
      expect.stringMatching(
        /^<graphics type="vnc" sharePolicy="force-shared">\s*<listen type="socket"\/>\s*<\/graphics>$/,
      ),
    ])
    expect([attribute(root, ['video', 'address'], 'bus'), attribute(root, ['video', 'address'], 'slot')]).toEqual([
      '0x00',
      '0x1a',
    ])
    // Eight root ports share a slot, from the first one on.
    const ports = all(root, 'controller').filter((one) => one.getAttribute('model') === 'pcie-root-port').length
    expect(1 + Math.ceil((ports + 32) / 8)).toBeLessThan(0x1a)
  })

  test.each([
    ['<graphics type="vnc" socket="/x"><listen type="socket" socket="/run/x/vnc.sock"/></graphics>', '/run/x/vnc.sock'],
    ['<graphics type="vnc"><listen type="socket"/></graphics>', undefined],
    ['<graphics type="spice"><listen type="socket" socket="/x"/></graphics>', undefined],
    ['<graphics type="vnc" port="5900"><listen type="address" address="::1"/></graphics>', undefined],
    ['', undefined],
  ])('its socket is read from %s', (graphics, path) => {
    expect(readDomainXml(`<domain><devices>${graphics}</devices></domain>`).vncSocket).toBe(path)
  })

  test('interfaces keep their ports in rescue, and there is one for each disk that it may have', () => {
    const volumes = Array.from({ length: MAX_VOLUMES }, (_, i) => ({ ...at(`/v/${i}`), uid: `v${i}` }))
    const buses = (more: Partial<InstanceWant>) =>
      all(parseXml(xmlOf({ ...byRescue(), volumes, ...more })), 'interface').map((nic) =>
        attribute(nic, ['address'], 'bus'),
      )
    const { rescue, ...without } = byRescue()
    const own = all(parseXml(xmlOf({ ...without, volumes })), 'interface').map((nic) =>
      attribute(nic, ['address'], 'bus'),
    )
    expect([buses({}), rescue?.number]).toEqual([own, 3])
    const root = parseXml(xmlOf({ ...byRescue(), volumes }))
    const ports = all(root, 'controller').filter((c) => c.getAttribute('model') === 'pcie-root-port').length
    // Those of the balloon, the random numbers and the guest agent's bus, and seven interfaces that it has not got.
    expect(ports).toBe(all(root, 'disk').length + 3 + all(root, 'interface').length + 7)
    expect(new Set(all(root, 'disk').map((d) => attribute(d, ['target'], 'dev'))).size).toBe(all(root, 'disk').length)
  })

  test.each<[string, Partial<InstanceWant>, string]>([
    [
      'more volumes than it takes',
      { volumes: Array.from({ length: MAX_VOLUMES + 1 }, (_, i) => at(`/v/${i}`)) },
      'at most 24',
    ],
    ['a volume of no absolute path', { volumes: [at('v')] }, 'no absolute path'],
  ])('%s is refused', (_, more, message) => expect(() => xmlOf(more)).toThrow(message))

  test('the processor is the host’s with KVM, and one that distributions run on without', () => {
    const cpu = (acceleration: 'kvm' | 'qemu') => {
      const root = parseXml(xmlOf({}, acceleration))
      return [attribute(root, ['cpu'], 'mode'), all(root, 'cpu')[0]?.textContent]
    }
    expect([cpu('kvm'), cpu('qemu')]).toEqual([
      ['host-model', ''],
      ['custom', 'Nehalem'],
    ])
  })

  test('a NIC is virtio unless its image says otherwise', () => {
    const model = (properties: InstanceWant['properties']) =>
      attribute(parseXml(xmlOf({ nics: [nicWant({ portUid: PORT })], properties })), ['interface', 'model'], 'type')
    expect([model({}), model({ hw_vif_model: 'e1000e' })]).toEqual(['virtio', 'e1000e'])
  })

  test('a volume without TLS names no server’s certificate', () => {
    const connection = { protocol: 'nbd' as const, host: 's', port: 1, exportName: 'e', tls: false, tlsHostname: 'n1' }
    const disk = parseXml(toVolumeXml({ uid: VOLUME, connection }, 1))
    expect([attribute(disk, ['source'], 'tls'), attribute(disk, ['source'], 'tlsHostname')]).toEqual(['no', null])
  })

  test('a small machine', () => {
    const root = parseXml(xmlOf())
    expect(root.getAttribute('type')).toBe('qemu')
    expect(attribute(root, ['os', 'type'], 'machine')).toBe('q35')
    expect(all(root, 'name')[0]?.textContent).toBe(`nephele-${UID}`)
    expect(attribute(root, ['pm', 'suspend-to-mem'], 'enabled')).toBe('no')
    expect(attribute(root, ['pm', 'suspend-to-disk'], 'enabled')).toBe('no')
    expect(all(root, 'memoryBacking')).toEqual([])
    const disk = all(root, 'disk')[0]!
    expect(attribute(disk, ['source'], 'file')).toBe(`/var/lib/nephele/instances/${UID}/root.qcow2`)
    expect(attribute(disk, ['backingStore', 'format'], 'type')).toBe('raw')
    expect(attribute(disk, ['backingStore', 'source'], 'file')).toBe(`/var/lib/nephele/images/_base/${'0'.repeat(64)}`)
    expect(attribute(root, ['log'], 'file')).toBe(`/var/lib/nephele/console/${UID}.log`)
  })

  test.each([0, 3, 24])(
    'with %i volumes there is a free root port for each that may come, up to the limit',
    (count) => {
      const volumes = Array.from({ length: count }, (_, i) => ({
        uid: `v${i}`,
        connection: { protocol: 'file' as const, path: `/v/${i}`, format: 'raw' as const },
      }))
      const root = parseXml(xmlOf({ volumes }))
      const ports = all(root, 'controller').filter((c) => c.getAttribute('model') === 'pcie-root-port').length
      const used = all(root, 'disk').length + 3
      // Three disks that this machine has not got, and eight interfaces.
      expect(ports - used - 3 - 8).toBe(MAX_VOLUMES - count)
      expect(new Set(all(root, 'disk').map((d) => attribute(d, ['target'], 'dev'))).size).toBe(count + 1)
    },
  )

  test('network devices', () => {
    const nic = { portUid: PORT, mac: 'fa:16:3e:00:00:01', networkUid: UID, addresses: [], mtu: 1442 }
    const root = parseXml(
      xmlOf({
        nics: [
          { ...nic, slot: 0, vnicType: 'normal' },
          { ...nic, slot: 12, vnicType: 'vhostuser' },
        ],
      }),
    )
    const [tap, vhost] = all(root, 'interface')
    expect(attribute(tap!, ['target'], 'dev')).toBe('tapbbbbbbbb-cc')
    expect(attribute(tap!, ['driver', 'host'], 'csum')).toBe('off')
    expect(attribute(tap!, ['mtu'], 'size')).toBe('1442')
    // Each has its place, behind those of all other devices, and there are as many places as the last one needs.
    const ports = all(root, 'controller').filter((c) => c.getAttribute('model') === 'pcie-root-port')
    expect([tap!, vhost!].map((one) => attribute(one, ['address'], 'bus'))).toEqual(['0x20', '0x2c'])
    expect(ports.at(-1)?.getAttribute('index')).toBe(String(0x2c))
    expect(attribute(tap!, ['alias'], 'name')).toBe(`ua-nic-${PORT}`)
    expect(attribute(vhost!, ['source'], 'path')).toBe('/run/nephele/vhostuser/vhubbbbbbbb-cc')
    expect(attribute(root, ['memoryBacking', 'access'], 'mode')).toBe('shared')
  })

  describe('a virtual function', () => {
    const nic = { portUid: PORT, mac: 'fa:16:3e:00:00:01', networkUid: UID, addresses: [], mtu: 1500, slot: 0 }
    const xml = (more: Partial<NicWant>) => {
      const root = parseXml(xmlOf({ nics: [{ ...nic, vnicType: 'direct', ...more }] }))
      return all(root, 'interface')[0]!
    }
    const virtualFunction = { address: '0000:0a:1f.7', interface: 'ens1f0v3' }
    test('is given to the guest, and to its driver again afterwards; the card puts the tag on its frames', () => {
      const one = xml({ virtualFunction: { ...virtualFunction, vlan: 42 } })
      expect([one.getAttribute('type'), one.getAttribute('managed')]).toEqual(['hostdev', 'yes'])
      const at = all(all(one, 'source')[0]!, 'address')[0]!
      expect(['type', 'domain', 'bus', 'slot', 'function'].map((name) => at.getAttribute(name))).toEqual([
        ...['pci', '0x0000', '0x0a', '0x1f', '0x7'],
      ])
      expect([attribute(one, ['mac'], 'address'), attribute(one, ['vlan', 'tag'], 'id')]).toEqual([nic.mac, '42'])
      expect([attribute(one, ['alias'], 'name'), all(one, 'address').at(-1)?.getAttribute('bus')]).toEqual([
        ...[`ua-nic-${PORT}`, '0x20'],
      ])
      for (const none of ['model', 'mtu', 'driver', 'target']) expect(all(one, none)).toEqual([])
    })
    test('or is its interface, which nobody shares, behind a virtio device', () => {
      const one = xml({ vnicType: 'macvtap', virtualFunction })
      expect(one.getAttribute('type')).toBe('direct')
      expect([attribute(one, ['source'], 'dev'), attribute(one, ['source'], 'mode')]).toEqual([
        'ens1f0v3',
        'passthrough',
      ])
      expect([attribute(one, ['model'], 'type'), all(one, 'vlan')]).toEqual(['virtio', []])
    })
    test.each<[string, Partial<NicWant>]>([
      ['unknown', {}],
      ['of no address', { virtualFunction: { address: '0000:03:10' } }],
      ['without an interface', { vnicType: 'macvtap', virtualFunction: { address: '0000:03:10.0' } }],
    ])('that is %s keeps the machine from being defined', (_, more) => {
      expect(() => xml(more)).toThrow(expect.objectContaining({ reason: 'PortNotReady' }))
    })
  })

  test.each([
    ['qemu' as const, [String(EMULATED_CODE_MIB)]],
    ['kvm' as const, []],
  ])('%s: what QEMU keeps of emulated code is what the node counts with: %j', (acceleration, sizes) => {
    const caches = all(parseXml(xmlOf({}, acceleration)), 'tb-cache')
    expect(caches.map((cache) => cache.textContent)).toEqual(sizes)
    expect(caches.map((cache) => cache.getAttribute('unit'))).toEqual(sizes.map(() => 'MiB'))
  })

  test.each([
    [undefined, 'off', 'qemu'],
    ['netdev' as const, 'off', 'qemu'],
    ['system' as const, undefined, undefined],
  ])('a tap for datapath %s: checksum offload %s, backend %s', (datapath, csum, backend) => {
    const context = { acceleration: 'qemu' as const, paths: DEFAULT_PATHS, datapath }
    const root = parseXml(toDomainXml(instanceWant({ uid: UID, nics: [nicWant({ portUid: PORT })] }), context))
    const [tap] = all(root, 'interface')
    expect(all(tap!, 'host').map((host) => host.getAttribute('csum'))).toEqual(csum === undefined ? [] : [csum])
    expect(all(tap!, 'driver').map((driver) => driver.getAttribute('name'))).toEqual(backend ? [backend] : [])
  })

  test('an NBD volume: TLS, name of the server, patience, and a serial that udev shows', () => {
    const connection = {
      protocol: 'nbd' as const,
      host: '10.0.0.5',
      port: 10809,
      exportName: 'e',
      tls: true,
      tlsHostname: 'n1',
    }
    const disk = parseXml(toVolumeXml({ uid: VOLUME, connection }, 1))
    expect(attribute(disk, ['source'], 'tls')).toBe('yes')
    expect(attribute(disk, ['source'], 'tlsHostname')).toBe('n1')
    expect(attribute(disk, ['reconnect'], 'delay')).toBe('600')
    expect(attribute(disk, ['driver'], 'error_policy')).toBe('stop')
    expect(attribute(disk, ['driver'], 'rerror_policy')).toBe('stop')
    expect(all(disk, 'serial')[0]?.textContent).toBe(VOLUME.slice(0, 20))
    expect(
      readDomainXml(
        `<domain><memory unit='KiB'>131072</memory><vcpu>2</vcpu>${toVolumeXml({ uid: VOLUME, connection }, 1)}</domain>`,
      ),
    ).toEqual({
      volumes: [{ uid: VOLUME, alias: `ua-vol-${VOLUME}`, target: 'vdb' }],
      targets: ['vdb'],
      ...{ nics: [], freeBuses: [], sharesMemory: false },
      vcpus: 2,
      memoryMiB: 128,
      sockets: [],
    })
    expect(toDetachXml({ alias: 'ua-vol-x', target: 'vdb' })).toContain('ua-vol-x')
  })

  test.each([
    ['hw_disk_bus', 'ide'],
    ['hw_vif_model', '"><x/>'],
    ['hw_firmware_type', 'coreboot'],
    ['hw_tpm_version', '1.2'],
    ['hw_tpm_model', 'tpm-crb'],
    ['os_secure_boot', 'required'],
    ['hw_watchdog_action', 'pause'],
  ])('image property %s=%s is refused by name', (name, value) => {
    const nics = [nicWant({ portUid: PORT })]
    expect(() => xmlOf({ nics, properties: { [name]: value } })).toThrow(name)
  })

  test('firmware: libvirt’s own BIOS, or UEFI with the machine’s variables beside its disks', () => {
    for (const properties of [{}, { hw_firmware_type: 'bios' }] as Record<string, string>[])
      expect(xmlOf({ properties })).toMatch(/<os>\s*<type arch="x86_64" machine="q35">hvm<\/type>\s*<smbios/)
    const uefi = xmlOf({ properties: { hw_firmware_type: 'UEFI' } })
    expect(uefi).toContain('<os firmware="efi">')
    expect(uefi).toContain('<feature enabled="no" name="secure-boot"/>')
    expect(uefi).toMatch(/<nvram>[^<]*\/instances\/[^<]*\/uefi-variables\.fd<\/nvram>/)
  })

  test('Secure Boot: firmware with keys enrolled, in management mode, with variables of its own', () => {
    const secure = xmlOf({ properties: { hw_firmware_type: 'uefi', os_secure_boot: 'required' } })
    expect(secure).toContain('<feature enabled="yes" name="secure-boot"/>')
    expect(secure).toContain('<feature enabled="yes" name="enrolled-keys"/>')
    expect(secure).toContain('<loader secure="yes"/>')
    expect(secure).toContain('<smm state="on"/>')
    expect(secure).toMatch(/<nvram>[^<]*\/uefi-secure-variables\.fd<\/nvram>/)
    expect(xmlOf({ properties: { hw_firmware_type: 'uefi', os_secure_boot: 'optional' } })).not.toContain('<smm')
  })

  const KVM = { os_type: 'Windows' }
  test.each<[Record<string, string>, 'kvm' | 'qemu', (string | RegExp)[], (string | RegExp)[]]>([
    [
      {},
      'kvm',
      ['<clock offset="utc"/>', '<model type="vga" vram="16384"', 'model="none"'],
      ['<tpm', '<input', 'hyperv'],
    ],
    [{ hw_tpm_version: '2.0' }, 'qemu', [/<tpm model="tpm-tis">\s*<backend type="emulator" version="2.0"\/>/], []],
    [{ hw_tpm_version: '2.0', hw_tpm_model: 'TPM-CRB' }, 'qemu', ['<tpm model="tpm-crb">'], []],
    [{ hw_video_model: 'none' }, 'qemu', ['<serial'], ['<video', '<graphics']],
    [{ hw_video_model: 'Virtio' }, 'qemu', ['<graphics', '<model type="virtio" heads="1"'], ['vram']],
    [{ hw_video_model: 'qxl"/><x', hw_input_bus: 'ps2' }, 'qemu', ['<model type="vga"'], ['<input', '<x']],
    [{ hw_video_model: 'bochs' }, 'qemu', ['<model type="bochs" vram="16384"'], []],
    [{ hw_input_bus: 'virtio' }, 'qemu', ['<input type="tablet" bus="virtio">', 'model="none"'], ['xhci']],
    [{ hw_input_bus: 'usb' }, 'qemu', ['<input type="tablet" bus="usb"/>', 'model="qemu-xhci"'], ['model="none"']],
    [{ hw_pointer_model: 'usbtablet' }, 'qemu', ['<input type="tablet" bus="usb"/>'], []],
    [{ hw_pointer_model: 'ps2mouse' }, 'qemu', [], ['<input', 'xhci']],
    [{ hw_watchdog_action: 'poweroff' }, 'qemu', ['<watchdog model="itco" action="poweroff"/>'], []],
    [{ hw_watchdog_action: 'disabled' }, 'qemu', ['<watchdog model="itco" action="none"/>'], []],
    [{ hw_boot_menu: 'on' }, 'qemu', ['<bootmenu enable="yes" timeout="5000"/>'], []],
    [{ hw_boot_menu: 'True', hw_firmware_type: 'uefi' }, 'qemu', ['<bootmenu enable="yes"'], []],
    [{ hw_boot_menu: 'no' }, 'qemu', [], ['<bootmenu']],
    [{ hw_time_hpet: 'yes' }, 'qemu', [/<clock offset="utc">\s*<timer name="hpet" present="yes"\/>\s*<\/clock>/], []],
    [{ hw_time_hpet: 'False' }, 'kvm', [/<clock offset="utc">\s*<timer name="hpet" present="no"\/>\s*<\/clock>/], []],
    [{ ...KVM, hw_time_hpet: 'true' }, 'kvm', ['<timer name="hpet" present="yes"/>', '"hypervclock"'], []],
    [KVM, 'kvm', ['<timer name="hpet" present="no"/>'], []],
    [KVM, 'qemu', ['<clock offset="localtime"/>'], ['hyperv']],
    [KVM, 'kvm', [/<hyperv>.*<relaxed state="on"\/>.*<spinlocks state="on" retries="8191"\/>/s, '"hypervclock"'], []],
  ])('devices by %j with %s', (properties, acceleration, has, lacks) => {
    const xml = xmlOf({ properties }, acceleration)
    for (const part of has) expect(xml).toMatch(part)
    for (const part of lacks) expect(xml).not.toMatch(part)
  })

  test.each([
    [{}, true],
    [{ hw_qemu_guest_agent: 'yes' }, true],
    [{ hw_qemu_guest_agent: 'No' }, false],
    [{ hw_qemu_guest_agent: 'false' }, false],
  ])('a channel for the guest’s agent, with %j: %s', (properties, is) => {
    expect(xmlOf({ properties }).includes('org.qemu.guest_agent.0')).toBe(is)
  })

  test('a machine type is kept, and of a rebuilt machine the newest', () => {
    const context = { acceleration: 'qemu' as const, paths: DEFAULT_PATHS }
    const defined = (want: Partial<InstanceWant>, former?: ReturnType<typeof readDomainXml>) =>
      readDomainXml(toDomainXml(instanceWant({ uid: UID, ...want }), { ...context, former }))
    const former = { ...defined({}), machineType: 'pc-q35-7.2' }
    expect(former).toMatchObject({ machineType: 'pc-q35-7.2', rootDisk: 0 })
    expect(defined({}, former).machineType).toBe('pc-q35-7.2')
    expect(defined({ disks: { root: 0, ephemeral: 0, rescue: 1 } }, former).machineType).toBe('pc-q35-7.2')
    expect(defined({ disks: { root: 1, ephemeral: 0 } }, former).machineType).toBe('q35')
    expect(xmlOf()).toContain('machine="q35"')
  })

  test('who had a TPM keeps it, whatever the image asks for now', () => {
    const context = { acceleration: 'qemu' as const, paths: DEFAULT_PATHS, former: { tpmModel: 'tpm-crb' } }
    const has = (properties: Record<string, string>) => toDomainXml(instanceWant({ uid: UID, properties }), context)
    expect(has({})).toContain('<tpm model="tpm-crb">')
    expect(readDomainXml(has({}))).toMatchObject({ tpmModel: 'tpm-crb' })
    expect(has({ hw_tpm_version: '2.0' })).toContain('<tpm model="tpm-tis">')
    expect(readDomainXml(xmlOf())).not.toHaveProperty('tpmModel')
  })

  test.each<[string, boolean, string[], boolean]>([
    ['sata', false, ['sda sata', 'vdb virtio', 'sdb sata', 'sdc sata', 'vdab virtio'], false],
    ['scsi', false, ['sda scsi', 'vdb virtio', 'sdb scsi', 'sdc scsi', 'sdd scsi'], true],
    ['SATA', true, ['sda sata', 'sdb sata', 'vdc virtio', 'sdc sata', 'sdd sata', 'vdac virtio'], false],
    ['scsi', true, ['sda scsi', 'sdb scsi', 'vdc virtio', 'sdc scsi', 'sdd scsi', 'sde scsi'], true],
  ])('own disks on %s, in rescue: %s', (bus, isRescued, names, hasController) => {
    const want = byRescue({ hw_disk_bus: bus })
    const xml = parseXml(
      xmlOf({ ...want, volumes: [{ ...at('/v'), uid: 'v' }], ...(isRescued ? {} : { rescue: undefined }) }),
    )
    const found = all(xml, 'target').flatMap((target) => {
      const [dev, on] = [target.getAttribute('dev') ?? '', target.getAttribute('bus') ?? '']
      return /^[sv]d/.test(dev) ? `${dev} ${on}` : []
    })
    expect(found).toEqual(names)
    const controllers = all(xml, 'controller').map((one) => `${one.getAttribute('type')} ${one.getAttribute('model')}`)
    expect(controllers.includes('scsi virtio-scsi')).toBe(hasController)
    // No port of PCIe is theirs.
    const own = all(xml, 'disk').filter((disk) => /^sd/.test(attribute(disk, ['target'], 'dev') ?? ''))
    expect(own.flatMap((disk) => all(disk, 'address'))).toEqual([])
  })

  test('a rescue disk that comes last is the last on its bus, too', () => {
    const xml = xmlOf(byRescue({ hw_disk_bus: 'sata', hw_rescue_device: 'disk' }))
    expect(xml).toMatch(/<target dev="sde" bus="sata"\/>\s*<serial>rescue</)
    expect(xml).toMatch(/<target dev="sda" bus="sata"\/>/)
    expect(readDomainXml(xml)).toMatchObject({ rootTarget: 'sda' })
  })

  test.each<[Record<string, string>, NicWant['vnicType'], string | undefined]>([
    [{ hw_vif_multiqueue_enabled: 'true' }, 'normal', '<driver name="qemu" queues="4">'],
    [{ hw_vif_multiqueue_enabled: 'true' }, 'vhostuser', '<driver queues="4"/>'],
    [{ hw_vif_multiqueue_enabled: 'true', hw_vif_model: 'e1000e' }, 'normal', undefined],
    [{}, 'normal', undefined],
    [{}, 'vhostuser', undefined],
  ])('queues of interfaces, with %j, %s: %s', (properties, vnicType, said) => {
    const xml = xmlOf({ vcpus: 4, properties, nics: [nicWant({ portUid: PORT, vnicType })] })
    if (said === undefined) expect(xml).not.toContain('queues')
    else expect(xml).toContain(said)
  })

  test('hostile names stay text', () => {
    const hostile = fc.oneof(
      fc.constantFrom(
        '"><disk/>',
        "'/>",
        ']]>',
        '<!--',
        '&amp;',
        '\u0000\u0001\u001f',
        '\n\r\t',
        '\uFFFE',
        '\uD800',
        '$',
        '#',
        '@x',
        '?',
        '!',
      ),
      fc.string({ unit: 'binary', maxLength: 60 }),
    )
    fc.assert(
      fc.property(hostile, hostile, hostile, (name, namespace, hostname) => {
        const plain = parseXml(xmlOf())
        const root = parseXml(xmlOf({ name, namespace, hostname }))
        const shape = (element: XmlElement): string[] =>
          [...element.getElementsByTagName('*')].map((e) => (e as unknown as { tagName: string }).tagName)
        expect(shape(root)).toEqual(shape(plain))
        const marked = {
          uid: UID,
          epoch: 7,
          namespace,
          name,
          nics: [nicWant({ portUid: PORT, network: hostname })].map(toMarkedNic),
        }
        expect(readMark(toMarkXml(marked))).toMatchObject({ uid: UID, epoch: 7 })
      }),
      { numRuns: 60 },
    )
  })
})

describe('the mark of interfaces', () => {
  const nics = [
    nicWant({ portUid: PORT, networkUid: UID, network: 'team/lan', addresses: ['10.0.0.2', 'fd00::2'] }),
    nicWant({ portUid: PORT, networkUid: UID, addresses: [] }),
  ]
  const marks = [
    { mac: nics[0]!.mac, portUid: PORT, networkUid: UID, network: 'team/lan', addresses: ['10.0.0.2', 'fd00::2'] },
    { mac: nics[1]!.mac, portUid: PORT, networkUid: UID, addresses: [] },
  ]
  test.each([
    ['alone', () => toMarkXml({ uid: UID, epoch: 7, namespace: 'team', name: 'vm', nics: nics.map(toMarkedNic) })],
    ['in a domain', () => /<nephele:instance[^]*<\/nephele:instance>/.exec(xmlOf({ nics }))?.[0] ?? ''],
  ])('is read as it was written, %s', (_, xml) => expect(readMark(xml())?.nics).toEqual(marks))
  test.each([
    ['none, by an agent that wrote none', '<instance uid="u" epoch="1"/>', undefined],
    [
      'a damaged one is left out, as one without addresses is not',
      '<instance uid="u" epoch="1"><nic mac="x"/><nic mac="fa:16:3e:00:00:01"/></instance>',
      [{ mac: 'fa:16:3e:00:00:01' }],
    ],
    ['a damaged one is left out', '<instance uid="u" epoch="1"><nic mac="x"/></instance>', []],
  ])('%s', (_, xml, found) => expect(readMark(xml)?.nics).toEqual(found))
})

test.each([
  [0, 'vda'],
  [25, 'vdz'],
  [26, 'vdaa'],
  [27, 'vdab'],
])('disk %i is %s', (index, name) => expect(diskName(index)).toBe(name))

test('a uid that is no UUID gets one of its own', () => {
  expect(domainUuid(UID)).toBe(UID)
  expect(domainUuid('some-name')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(() => domainUuid('../x')).toThrow()
})

test.each<[string, string, object | undefined]>([
  ['one that nobody can read an epoch of', '<instance uid="u" epoch="x"/>', { uid: 'u', epoch: undefined }],
  ['one of no epoch that ever was', '<instance uid="u" epoch="0"/>', { epoch: undefined }],
  ['one of a part of an epoch', '<instance uid="u" epoch="1.5"/>', { epoch: undefined }],
  ['one without names', '<instance uid="u" epoch="2"/>', { epoch: 2, namespace: '', name: '' }],
  ['one of nobody', '<instance uid="" epoch="1"/>', undefined],
  ['another’s element', '<instance epoch="1"/>', undefined],
])('a mark: %s', (_, xml, expected) => {
  const mark = readMark(xml)
  if (expected) expect(mark).toMatchObject(expected)
  else expect(mark).toBeUndefined()
})

test('of a domain’s XML nothing is believed that is not there', () => {
  const nic = (type: string, inside: string) => `<interface type="${type}">${inside}</interface>`
  const xml = `<domain><devices>
    <disk/><disk><target dev="sda"/><alias name="scsi0"/></disk>
    ${nic('vhostuser', '<mac address="FA:16:3E:00:00:01"/><source path="/run/s"/>')}
    ${nic('vhostuser', '')}${nic('bridge', '<source path="/run/other"/><mac address="x"/>')}
  </devices></domain>`
  expect(readDomainXml(xml)).toEqual({
    ...{ nics: [{ mac: 'fa:16:3e:00:00:01', alias: '' }], freeBuses: [], sharesMemory: false },
    ...{ volumes: [], targets: ['sda'], sockets: ['/run/s'], vcpus: 0, memoryMiB: 0 },
  })
})

test('its own disks are known by the names of their files, and no volume is one', () => {
  const disk = (file: string, more = '') => `<disk><source file="${file}"/><target dev="x"/>${more}</disk>`
  const volume = disk('/v/root.7.qcow2', `<alias name="${volumeAlias(UID)}"/>`)
  const numbers = (...disks: string[]) => {
    const { rootDisk, ephemeralDisk } = readDomainXml(`<domain><devices>${disks.join('')}</devices></domain>`)
    return [rootDisk, ephemeralDisk]
  }
  expect(numbers(disk('/i/root.qcow2'), disk('/i/ephemeral.qcow2'), disk('/i/swap.raw'))).toEqual([0, 0])
  expect(numbers(disk('/i/root.12.qcow2'), disk('/i/ephemeral.3.qcow2'), disk('/i/swap.12.raw'))).toEqual([12, 3])
  expect(numbers(disk('/i/root.2.qcow2'), volume)).toEqual([2, undefined])
  const inRescue = `<domain>${disk('/i/rescue.4.qcow2')}${disk('/i/root.2.qcow2')}</domain>`
  expect(readDomainXml(inRescue)).toMatchObject({ rootDisk: 2, rescueDisk: 4 })
  expect(numbers(disk('/i/root.02.qcow2'), disk('/i/other.2.qcow2'))).toEqual([undefined, undefined])
})

test('servers of disks are those of NBD that have a place, each once', () => {
  const source = (protocol: string, ...hosts: string[]) =>
    `<disk><source protocol="${protocol}">${hosts.join('')}</source></disk>`
  const host = (name: string, port: string) => `<host name="${name}" port="${port}"/>`
  const xml = [
    source('nbd', host('a', '1'), host('a', '1')),
    source('nbd', host('', '1'), host('b', '0'), '<host/>'),
    source('iscsi', host('c', '1')),
    source('nbd', host('a', '2')),
  ]
  expect(readDiskServers(`<domain>${xml.join('')}</domain>`)).toEqual([
    { host: 'a', port: 1 },
    { host: 'a', port: 2 },
  ])
})

test.each<[string, () => string, string]>([
  ['a mark', () => toMarkXml({ uid: UID, epoch: 7, namespace: 'team', name: 'vm', nics: [] }), '<instance '],
  ['a volume', () => toVolumeXml(at('/v'), 1), '<disk '],
  ['a volume that goes', () => toDetachXml({ alias: 'ua-x', target: 'vdb' }), '<disk '],
])('%s is an element alone, as libvirt takes it, and no document', (_, xml, start) => {
  expect(xml().startsWith(start)).toBe(true)
})
