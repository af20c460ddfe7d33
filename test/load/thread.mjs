// What a thread starts with, which by itself runs no TypeScript.
import { register } from 'tsx/esm/api';

register();
await import(new URL('client_thread.ts', import.meta.url).href);
