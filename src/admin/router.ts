import { delete_cert } from './delete';
import { list_certs } from './list';
import { put_cert } from './put';
import { handle } from './request';

/** Answers all requests under `/certs/` in one location: list, read, put or delete, by the method. */
export async function admin(r: NginxHTTPRequest): Promise<void> {
  switch (r.method) {
    case 'GET':
      return list_certs(r);
    case 'PUT':
    case 'POST':
      return put_cert(r);
    case 'DELETE':
      return delete_cert(r);
    default:
      return handle(r, ['GET', 'PUT', 'POST', 'DELETE'], () => undefined);
  }
}
