// Seals a pair for an etcd that nginx follows with $cert_seal_key_file. NAME is what the value's key has after the prefix.
//
//     head -c 32 /dev/urandom >seal.key
//     node seal.mjs seal.key NAME <pair.pem | etcdctl put /certs/NAME
import { createCipheriv, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

const [keyFile = '', name = ''] = process.argv.slice(2);
const nonce = randomBytes(12);
const cipher = createCipheriv('aes-256-gcm', readFileSync(keyFile), nonce).setAAD(
  Buffer.from(name),
);
const text = Buffer.concat([cipher.update(readFileSync(0)), cipher.final()]);
const sealed = Buffer.concat([nonce, text, cipher.getAuthTag()]);
process.stdout.write(`sealed:1:${sealed.toString('base64')}\n`);
