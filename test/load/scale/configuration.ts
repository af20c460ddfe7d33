import { CONFIG } from './haproxy.js';
import type { Server } from './server.js';

/** How long the server's program takes to read its configuration and what that names, in milliseconds. */
export async function timeConfiguration({ subject, nginx }: Server): Promise<number> {
  const test =
    subject.kind === 'haproxy'
      ? `haproxy -c -q -f ${CONFIG}`
      : 'nginx -t -q -e /run/nginx/configuration.log';
  const script = `TIMEFORMAT=%R; time ${test}`;
  const { exitCode, stderr } = await nginx.exec(['bash', '-c', script]);
  const seconds = Number(stderr.trim().split('\n').at(-1));
  if (exitCode !== 0 || !(seconds >= 0)) throw new Error(`${test}: ${stderr}`);
  return seconds * 1000;
}
