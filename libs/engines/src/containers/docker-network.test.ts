import { describe, expect, it } from 'vitest';
import {
  bridgeName,
  commandsWithoutDocker,
  parseRoutes,
  pickSubnet,
  rulesOfBridge,
} from './docker-network.ts';

const routes = [
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
  'eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0',
  'll1\t00051EAC\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
].join('\n');

describe('the bridge', () => {
  it('has a name that fits the kernel, one for each directory', () => {
    expect(bridgeName('/a')).toMatch(/^ll[0-9a-f]{10}$/);
    expect(bridgeName('/a')).not.toBe(bridgeName('/b'));
  });
});

describe('pickSubnet', () => {
  it('steps over a network that is routed already', () => {
    expect(parseRoutes(routes)).toEqual([[0xac1e0500, 0xffffff00]]);
    expect(pickSubnet(parseRoutes(routes), 5)).toBe('172.30.6');
    expect(pickSubnet(parseRoutes(routes), 4)).toBe('172.30.4');
  });
  it('steps over a larger network, and around the end', () => {
    expect(pickSubnet([[0xac1eff00, 0xffffff00]], 255)).toBe('172.30.0');
    expect(pickSubnet([[0xac1e0000, 0xffff8000]], 3)).toBe('172.30.128');
  });
  it('answers even when all are taken', () => {
    expect(pickSubnet([[0xac100000, 0xfff00000]], 7)).toBe('172.30.7');
  });
});

describe('iptables', () => {
  const filter = [
    '-P FORWARD DROP',
    '-N DOCKER',
    '-N DOCKER-USER',
    '-N MINE',
    '-A FORWARD -j DOCKER-USER',
    '-A FORWARD -o llabc -j DOCKER',
    '-A FORWARD -o llabcd -j ACCEPT',
    '-A FORWARD -i llabc ! -o llabc -j ACCEPT',
    '-A FORWARD -m comment --comment "-o llabc" -j ACCEPT',
    '-A DOCKER -d 172.30.5.2/32 ! -i llabc -o llabc -p tcp -m tcp --dport 80 -j ACCEPT',
    '-A MINE -j ACCEPT',
  ].join('\n');
  it('finds the rules of one bridge and of no other', () => {
    expect(rulesOfBridge(filter, 'llabc').map((words) => words.join(' '))).toEqual([
      '-D FORWARD -o llabc -j DOCKER',
      '-D FORWARD -i llabc ! -o llabc -j ACCEPT',
      '-D DOCKER -d 172.30.5.2/32 ! -i llabc -o llabc -p tcp -m tcp --dport 80 -j ACCEPT',
    ]);
  });
  it('takes out the chains of Docker and leaves those of others', () => {
    expect(commandsWithoutDocker(filter).map((words) => words.join(' '))).toEqual([
      '-D FORWARD -j DOCKER-USER',
      '-D FORWARD -o llabc -j DOCKER',
      '-F DOCKER',
      '-F DOCKER-USER',
      '-X DOCKER',
      '-X DOCKER-USER',
    ]);
  });
  it('does nothing with an empty listing', () => {
    expect(rulesOfBridge('', 'x')).toEqual([]);
    expect(commandsWithoutDocker('')).toEqual([]);
  });
});
