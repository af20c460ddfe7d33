import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { parse } from 'yaml';
import type { HttpResponse } from './http.js';

export interface Operation {
  operationId: string;
  requestBody?: unknown;
  responses: Record<string, unknown>;
}

interface Response {
  headers?: Record<string, { required?: boolean; schema: object }>;
  content: Record<string, { schema: { properties?: { code?: { enum?: string[] } } } }>;
}

type Document = Record<'paths', Record<string, Record<string, Operation>>> &
  Record<string, unknown>;

/** A description of HTTP handlers, to hold answers against. */
export interface Description {
  /** What the meta-schema of OpenAPI 3.1 has to say against it. */
  faults: () => Promise<unknown>;
  /** By path and method, in lower case. */
  paths: Document['paths'];
  /** All outcomes: `operationId status`, and the code of a problem behind that. */
  outcomes: string[];
  /**
   * Throws where an answer is not one that the operation has.
   *
   * @returns which of `outcomes` it is
   */
  check: (path: string, method: string, answer: HttpResponse) => string;
}

const METHODS = ['get', 'put', 'post', 'delete'];

export function readDescription(file: string): Description {
  const text = readFileSync(file, 'utf8');
  const document = parse(text) as Document;
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats(ajv);
  ajv.addSchema(document, 'document');

  /** A response of the document, by the names on the way there; follows references. */
  function responseAt(names: string[]): { value: Response; pointer: string } {
    let value: unknown = document;
    for (const name of names) value = (value as Record<string, unknown>)[name];
    const reference = (value as { $ref?: string }).$ref;
    if (reference?.startsWith('#/components/') && Object.keys(value as object).length === 1) {
      return responseAt(reference.slice(2).split('/'));
    }
    const pointer = names.map((name) => name.replace(/~/g, '~0').replace(/\//g, '~1')).join('/');
    return { value: value as Response, pointer: encodeURI(`document#/${pointer}`) };
  }

  function expectValid(pointer: string, value: unknown, what: string): void {
    const isValid = ajv.compile({ $ref: pointer });
    if (!isValid(value)) throw new Error(`${what}: ${ajv.errorsText(isValid.errors)}`);
  }

  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    METHODS.flatMap((method) => (methods[method] ? [{ path, method, ...methods[method] }] : [])),
  );
  const outcomes = operations.flatMap(({ path, method, operationId, responses }) =>
    Object.keys(responses).flatMap((status) => {
      const { content } = responseAt(['paths', path, method, 'responses', status]).value;
      const codes = content['application/problem+json']?.schema.properties?.code?.enum ?? [];
      if (codes.length > 0) return codes.map((code) => `${operationId} ${status} ${code}`);
      return [`${operationId} ${status}`];
    }),
  );

  return {
    faults: async () => (await new Validator().validate(parse(text) as Document)).errors,
    paths: document.paths,
    outcomes,
    check: (path, method, { status, headers, body }) => {
      const operation = document.paths[path]![method]!;
      const what = `${method} ${path} ${status}`;
      if (!operation.responses[status]) throw new Error(`${what} is not described: ${body}`);
      const { value, pointer } = responseAt(['paths', path, method, 'responses', `${status}`]);
      const type = headers['content-type']?.split(';')[0] ?? '';
      if (!value.content[type]) throw new Error(`${what} is not described as ${type}: ${body}`);
      const isJson = /[/+]json$/.test(type);
      const answer: unknown = isJson ? JSON.parse(body) : body;
      const escaped = type.replace('/', '~1');
      expectValid(`${pointer}/content/${escaped}/schema`, answer, `${what} ${body}`);
      for (const [name, header] of Object.entries(value.headers ?? {})) {
        const sent = headers[name.toLowerCase()];
        const own = header as { $ref?: string };
        const at = own.$ref ? `document${own.$ref}` : `${pointer}/headers/${name}`;
        if (sent === undefined) throw new Error(`${what} has no ${name}`);
        expectValid(`${at}/schema`, sent, `${what} ${name}: ${String(sent)}`);
      }
      const code =
        type === 'application/problem+json' ? ` ${(answer as { code: string }).code}` : '';
      return `${operation.operationId} ${status}${code}`;
    },
  };
}
