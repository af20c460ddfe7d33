import { clear_cache } from './cold';
import { js_cert, js_key, js_pair } from './handshake';

export default { js_cert, js_key, js_pair, clear_cache };
