import { writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { startNginx, type Nginx } from '../../support/nginx.js';
import { openConnection } from '../../support/tls_client.js';
import { now } from '../clock.js';
import { shell } from '../shell.js';
import { API_SOCKET, certificateList, CONFIG, HAPROXY_CONF, LIST, PID_FILE } from './haproxy.js';
import { nginxConfOf, TLS_SOCKET, type Subject } from './subjects.js';

const secureContext = createSecureContext();

/** A subject that runs, with one process that makes handshakes. It costs nothing while nobody asks. */
export interface Server {
  subject: Subject;
  names: number;
  /** The container; with HAProxy its nginx does nothing. */
  nginx: Nginx;
  /** The host's paths of the sockets. */
  tlsSocket: string;
  apiSocket: string;
  /** The number, in the container, of the process that makes handshakes: another one after a reload. */
  worker: () => Promise<number>;
  /** Makes a handshake and ends the connection. Throws where one of them fails. */
  handshake: (name: string) => Promise<Served>;
}

/** What a handshake came to. */
export interface Served {
  /** Of the certificate. */
  serial: string;
  /** On the clock of clock.ts, before the connection was ended. */
  endedAt: number;
}

/** @param certs the host's directory with the pairs */
export async function startServer(subject: Subject, names: number, certs: string): Promise<Server> {
  const nginx = await startNginx({
    certsDirectory: certs,
    runtime: subject.runtime(),
    config: nginxConfOf(subject, names),
    // A line for each certificate that is read tells how far a scan is.
    logLevel: subject.kind === 'scan' ? 'info' : 'notice',
    ports: [],
  });
  const runDirectory = dirname(nginx.adminSocket);
  const hostPath = (path: string): string => join(runDirectory, basename(path));
  const server: Server = {
    subject,
    names,
    nginx,
    tlsSocket: hostPath(TLS_SOCKET),
    apiSocket: hostPath(API_SOCKET),
    worker: async () => {
      if (subject.kind === 'haproxy') return Number(await shell(nginx, `cat ${PID_FILE}`));
      return (await nginx.processes()).workers[0]!;
    },
    handshake: async (servername) => {
      const options = { path: hostPath(TLS_SOCKET), servername, secureContext };
      const { serial, close } = await openConnection(options);
      const endedAt = now();
      await close();
      return { serial, endedAt };
    },
  };
  if (subject.kind === 'haproxy') {
    writeFileSync(hostPath(CONFIG), HAPROXY_CONF);
    writeFileSync(hostPath(LIST), certificateList(names));
    await shell(nginx, `haproxy -D -f ${CONFIG}`);
  }
  return server;
}
