// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from '@jest/globals'
import { judgeCompute, readSetting, type ComputeFacts } from './compute.ts'
import { toLines, type Finding } from './finding.ts'
import { judgeFolders, type FolderFacts } from './folders.ts'
import { judgeNetwork, type NetworkFacts } from './network.ts'

const bad = (findings: readonly Finding[]): string[] => toLines(findings.filter(({ level }) => level !== 'ok'))

const TMPFS = 0x01021994
const FOLDERS: FolderFacts = {
  state: { isRoots: true, mode: 0o711 },
  stateOn: { type: 0xef53, freeGiB: 100.5 },
  runOn: { type: TMPFS },
  processes: new Set(['systemd', 'chronyd']),
}
const LIBVIRT = {
  ...{ version: '11.3.0', qemu: '10.0.8' },
  ...{ firmware: ['bios', 'uefi', 'secure-boot'], tpmVersions: ['1.2', '2.0'] },
}
const COMPUTE: ComputeFacts = {
  lacksPrograms: [],
  libvirt: LIBVIRT,
  qemuConf: '# user = "root"\nnbd_tls_x509_cert_dir = "/var/lib/nephele/pki/qemu"\n',
  credentials: { isRoots: true },
  kvm: { hasDevice: true, hasFlag: true },
  appArmor: { guests: true, helper: true },
  libvirtGuests: 'ON_BOOT=ignore\n',
  hasCgroups2: true,
}
const NETWORK: NetworkFacts = {
  lacksPrograms: [],
  processes: new Set(['ovs-vswitchd', 'ovn-controller']),
  database: { datapath: 'system', isDpdk: false },
  hasTun: true,
  hasKernelDatapath: true,
  systemId: 'n1',
}

test('a host that has it all has nothing to say', () => {
  const all = [...judgeFolders(FOLDERS), ...judgeCompute(COMPUTE), ...judgeNetwork(NETWORK, 'n1')]
  expect(bad(all)).toEqual([])
  expect(toLines(all)).toEqual(expect.arrayContaining(['ok       libvirtd answers: libvirt 11.3.0, QEMU 10.0.8']))
})

test('whatever is not ok says what to do', () => {
  const worst = [
    ...judgeFolders({ state: undefined, stateOn: undefined, runOn: undefined, processes: new Set() }),
    ...judgeCompute({
      ...{ lacksPrograms: ['qemu-img'], libvirt: { why: 'x', isModular: false }, qemuConf: undefined },
      ...{ credentials: undefined, kvm: { hasDevice: false, hasFlag: false }, hasCgroups2: false },
      ...{ appArmor: { guests: false, helper: false }, libvirtGuests: undefined },
    }),
    ...judgeNetwork({ ...NETWORK, database: undefined, hasTun: false, processes: new Set() }, 'n1'),
  ].filter(({ level }) => level !== 'ok')
  expect(worst.length).toBeGreaterThan(15)
  for (const { says, help } of worst) expect([says, (help ?? '').length > 10]).toEqual([says, true])
})

describe('folders', () => {
  test.each<[Partial<FolderFacts>, RegExp]>([
    [{ state: undefined }, /^warning .*not there yet/],
    [{ state: { isRoots: false, mode: 0o711 } }, /^MISSING .*written by others/],
    [{ state: { isRoots: true, mode: 0o777 } }, /^MISSING .*written by others/],
    [{ stateOn: { type: TMPFS, freeGiB: 100 } }, /^MISSING .*in memory/],
    [{ stateOn: { type: 0xef53, freeGiB: 2 } }, /^warning .*2\.0 GiB/],
    [{ runOn: { type: 0xef53 } }, /^MISSING .*\/run is kept/],
    [{ processes: new Set(['systemd']) }, /^warning .*clock/],
    [{ processes: new Set(['systemd-timesyn']) }, /^$/],
  ])('%j', (facts, said) => expect(bad(judgeFolders({ ...FOLDERS, ...facts })).join('\n')).toMatch(said))
})

describe('compute', () => {
  test.each<[Partial<ComputeFacts>, RegExp]>([
    [{ lacksPrograms: ['qemu-img'] }, /^MISSING .*no qemu-img: apt-get/],
    [{ libvirt: { why: 'refused', isModular: false } }, /^MISSING .*\(refused\): apt-get install libvirt-daemon/],
    [{ libvirt: { why: 'refused', isModular: true } }, /virtproxyd\.socket/],
    [{ libvirt: { ...LIBVIRT, firmware: ['bios'] } }, /^warning .*ovmf/],
    [{ libvirt: { ...LIBVIRT, tpmVersions: [] } }, /^warning .*swtpm/],
    [{ qemuConf: undefined }, /^MISSING .*not set/],
    [{ qemuConf: 'nbd_tls_x509_cert_dir = "/x"' }, /^MISSING .*is "\/x"/],
    [{ qemuConf: `${COMPUTE.qemuConf}user = "root"\n` }, /^MISSING .*as root/],
    [{ qemuConf: `${COMPUTE.qemuConf}dynamic_ownership = 0\n` }, /^MISSING .*dynamic_ownership/],
    [{ qemuConf: `${COMPUTE.qemuConf}security_driver = "none"\n` }, /^warning .*not confined/],
    [{ credentials: undefined }, /^MISSING .*refuse its whole configuration/],
    [{ credentials: { isRoots: false } }, /^MISSING .*chown root/],
    [{ kvm: { hasDevice: false, hasFlag: true } }, /^warning .*modprobe/],
    [{ kvm: { hasDevice: false, hasFlag: false } }, /^warning .*firmware/],
    [{ appArmor: undefined }, /^$/],
    [{ appArmor: { guests: false, helper: true } }, /^MISSING .*guests from files/],
    [{ appArmor: { guests: true, helper: false } }, /^MISSING .*virt-aa-helper from disks/],
    [{ libvirtGuests: '#ON_BOOT=start\n' }, /^$/],
    [{ libvirtGuests: 'ON_BOOT=start\n' }, /^MISSING .*ON_BOOT=ignore/],
    [{ hasCgroups2: false }, /^warning .*version 2/],
  ])('%j', (facts, said) => expect(bad(judgeCompute({ ...COMPUTE, ...facts })).join('\n')).toMatch(said))
})

describe('network', () => {
  test.each<[Partial<NetworkFacts>, RegExp]>([
    [{ lacksPrograms: ['ovn-controller'] }, /^MISSING .*ovn-host/],
    [{ processes: new Set(['ovs-vswitchd']) }, /^MISSING .*ovn-controller does not run: systemctl/],
    [{ database: undefined }, /^MISSING .*database does not answer/],
    [{ hasKernelDatapath: false }, /^MISSING .*modprobe openvswitch/],
    [{ hasKernelDatapath: false, database: { datapath: 'netdev', isDpdk: true } }, /^$/],
    [{ hasTun: false }, /^MISSING .*modprobe tun/],
    [{ systemId: 'other\n"' }, /^warning .*says "other\\n\\"": write n1 there/],
    [{ systemId: undefined }, /^$/],
  ])('%j', (facts, said) => expect(bad(judgeNetwork({ ...NETWORK, ...facts }, 'n1')).join('\n')).toMatch(said))
})

test.each([
  ['a = "x y" # no', 'a', 'x y'],
  ["a='x'", 'a', 'x'],
  ['  a = 1 # one', 'a', '1'],
  ['# a = 1', 'a', undefined],
  ['a = 1\na = 2', 'a', '2'],
  ['ba = 1', 'a', undefined],
  ['a =', 'a', ''],
])('%j: %s is %j', (text, name, value) => expect(readSetting(text, name)).toBe(value))
