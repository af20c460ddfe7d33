import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release } from 'node:os';

/** What figures depend on, as rows of a table. */
export function describeMachine(images: string[]): [string, string][] {
  return [
    ['date', new Date().toISOString().slice(0, 10)],
    ['CPU', `${modelName()}, ${availableParallelism()} cores`],
    ['kernel', `Linux ${release()}`],
    ['load average before', loadavg()[0]!.toFixed(1)],
    ...images.map((image): [string, string] => ['packages', versions(image)]),
    ['bundle', bundleVersion()],
  ];
}

function modelName(): string {
  return cpus()[0]?.model.trim() ?? 'unknown';
}

/** What an image of Debian's packages holds of what matters. */
function versions(image: string): string {
  const wanted = [
    'nginx',
    'haproxy',
    'libnginx-mod-http-js',
    'libnginx-mod-http-lua',
    'etcd-server',
    'libssl3t64',
    'wrk',
  ];
  const format = '${db:Status-Abbrev} ${Package} ${Version}\\n';
  const query = [
    '-c',
    `dpkg-query --show --showformat='${format}' ${wanted.join(' ')} 2>/dev/null; true`,
  ];
  return execFileSync('docker', ['run', '--rm', '--entrypoint', 'sh', image, ...query], {
    encoding: 'utf8',
  })
    .split('\n')
    .filter((line) => line.startsWith('ii'))
    .map((line) => line.slice(2).trim())
    .join(', ');
}

function bundleVersion(): string {
  const [first = ''] = readFileSync(
    new URL('../../dist/cert_rotation.js', import.meta.url),
    'utf8',
  ).split('\n');
  return /^\/\*! (.+?) \|/.exec(first)?.[1] ?? 'unknown';
}
