import { expect, test } from 'vitest';
import { createAuthority } from '../../support/certificates.js';
import { describeOnDebian, serialIn, startDebian, type Debian } from '../../support/debian.js';
import { openPage, pasteableBlocks } from '../../support/documents.js';

// Runs on njs: commands and diffs are what is tested, whatever engine nginx has.

// Each guide is followed on a Debian of its own, from the configuration that its diff takes away, where nginx can run that.

const page = openPage('docs/migrate.md');
const NAME = 'www.example.com';
const LINEAGE = `/etc/letsencrypt/live/${NAME}`;
const SITE = '/etc/nginx/conf.d/site.conf';

const backUp = page.takeText('sh', 'Before you begin');
const [list = '', reload = ''] = page
  .take('sh', 'From a static configuration')
  .map(({ text }) => text);
const goBack = page.takeText('sh', 'Going back');
const requests = page.takeText('sh', 'From the njs example');
const takeAlong = page.takeText('sh', 'From Lua');

/** The lines of a diff that begin with one of some characters, without it. */
function linesOf(heading: string, begin: string): string {
  const lines = page.takeText('diff', heading).split('\n');
  const some = lines.filter((line) => begin.includes(line.charAt(0)) && line !== '');
  return some.map((line) => line.slice(1)).join('\n');
}

const nginxIn = (heading: string): string =>
  pasteableBlocks('docs/migrate.md')
    .filter((block) => block.language === 'nginx' && block.heading === heading)
    .map(({ text }) => text)
    .join('\n');

/** A block of the README, by how it begins. */
const readme = (begin: string): string =>
  pasteableBlocks('README.md').find(({ text }) => text.startsWith(begin))!.text;

interface Machine extends Debian {
  /** The serial number that a name is served; empty: the handshake fails. */
  served: (name?: string) => Promise<string>;
  /** Writes a pair into the files of certbot, or of a folder like it. Resolves to its serial number. */
  issue: () => Promise<string>;
  write: (path: string, text: string) => Promise<void>;
  log: () => Promise<string>;
}

async function start(): Promise<Machine> {
  const debian = await startDebian();
  const authority = await createAuthority();
  const { sh } = debian;
  const write = async (path: string, text: string): Promise<void> => {
    await sh('mkdir -p "$(dirname "$0")" && printf "%s\\n" "$1" >"$0"', path, text);
  };
  return {
    sh,
    write,
    served: async (name) => {
      const option = name === undefined ? '-noservername' : `-servername ${name}`;
      const ask = `openssl s_client -connect 127.0.0.1:443 ${option} </dev/null 2>/dev/null`;
      return serialIn(await sh(`${ask} | openssl x509 -noout -serial 2>/dev/null || true`));
    },
    issue: async () => {
      const pair = await authority.issue({ names: [NAME] });
      await write(`${LINEAGE}/fullchain.pem`, pair.chainPem);
      await write(`${LINEAGE}/privkey.pem`, pair.keyPem);
      return pair.serial;
    },
    log: () => sh('cat /var/log/nginx/error.log'),
  };
}

/** What the page has done first; the http part is the README's. */
async function begin({ sh }: Machine): Promise<void> {
  await sh(backUp);
  await sh(readme('install -d /etc/nginx/njs'));
  await sh(readme('cat >/etc/nginx/conf.d/cert_rotation.conf'));
}

const HTTP_PART = '/etc/nginx/conf.d/cert_rotation.conf';
const FAULT = /\[(warn|error|crit|alert|emerg)\]/;

describeOnDebian('docs/migrate.md', () => {
  test('from a static configuration, and back', async () => {
    const heading = 'From a static configuration';
    const machine = await start();
    const { sh, served, issue, write, log } = machine;
    const first = await issue();
    await write(SITE, linesOf(heading, ' -'));
    await sh('nginx');
    expect(await served()).toBe(first);
    await begin(machine);
    await sh(reload);
    await sh(readme('install -d /usr/local/lib/cert-rotation'));
    await sh('/usr/local/lib/cert-rotation/push-all /etc/letsencrypt/live');
    expect(JSON.parse(await sh(list))).toMatchObject({ certs: [{ name: NAME, serial: first }] });

    await write(SITE, linesOf(heading, ' +'));
    await sh('printf "%s\\n" "$1" >>"$0"', HTTP_PART, nginxIn(heading));
    await sh(reload);
    const second = await issue();
    await expect.poll(() => served(NAME)).toBe(first);
    await sh('/usr/local/lib/cert-rotation/push-all /etc/letsencrypt/live');
    expect([await served(NAME), await served()]).toEqual([second, second]);
    expect(await log()).not.toMatch(FAULT);

    const third = await issue();
    await sh(goBack);
    await expect.poll(() => served(NAME)).toBe(third);
  });

  test('from paths with $ssl_server_name', async () => {
    const heading = 'From paths with $ssl_server_name';
    const machine = await start();
    const { sh, served, issue, write, log } = machine;
    const first = await issue();
    await write(SITE, linesOf(heading, ' -'));
    await sh('nginx');
    expect(await served(NAME)).toBe(first);
    await begin(machine);
    await write(SITE, linesOf(heading, ' +'));
    await sh('printf "%s\\n" "$1" >>"$0"', HTTP_PART, nginxIn(heading));
    await sh(reload);
    const cleared = '"cleared":"all"';
    const clear = requests.slice(requests.lastIndexOf('curl'));
    await expect.poll(() => sh(clear).catch(() => '')).toContain(cleared);
    expect(await served(NAME)).toBe(first);
    const second = await issue();
    expect(await sh(clear)).toContain(cleared);
    expect(await served(NAME)).toBe(second);
    expect(await log()).not.toMatch(FAULT);
  });

  test('from the njs example', async () => {
    const machine = await start();
    const { sh, served, issue, write, log } = machine;
    const first = await issue();
    await begin(machine);
    await write(SITE, linesOf('From the njs example', ' +'));
    await sh('nginx');
    expect(await sh(`cd ${LINEAGE}\n${requests}`)).toMatch(/"source":"api".*\n.*"cleared":"all"/);
    expect(await served(NAME)).toBe(first);
    expect(await log()).not.toMatch(FAULT);
    expect(linesOf('From the njs example', '-')).toContain('dynamic.js');
  });

  test('from Lua', async () => {
    const machine = await start();
    const { sh, served, issue, write, log } = machine;
    const first = await issue();
    await begin(machine);
    // As cjson writes it.
    await sh(
      `folder=/etc/resty-auto-ssl/storage/file; mkdir -p $folder
      text() { sed 's#/#\\\\/#g; s/$/\\\\n/' $1 | tr -d '\\n'; }
      printf '{"fullchain_pem":"%s","privkey_pem":"%s","expiry":1800000000}' \
        "$(text ${LINEAGE}/fullchain.pem)" "$(text ${LINEAGE}/privkey.pem)" >"$folder/${NAME}%3Alatest"`,
    );
    await sh(takeAlong);
    await write(SITE, linesOf('From Lua', ' +'));
    await sh('nginx');
    expect(await served(NAME)).toBe(first);
    expect(await served('unknown.example')).toBe('');
    expect(await log()).not.toMatch(/cert_rotation/);
    expect(linesOf('From Lua', '-')).toContain('ssl_certificate_by_lua_block');
  });

  return Promise.resolve();
});
