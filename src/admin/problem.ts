/** The stable codes of refused requests. */
const STATUS = {
  malformed: 400,
  forbidden: 403,
  'method-not-allowed': 405,
  'zone-full': 507,
};

const TITLE = {
  malformed: 'The request cannot be understood',
  forbidden: 'This client is not allowed',
  'method-not-allowed': 'The method is not taken here',
  'zone-full': 'The shared dictionary is full',
};

/**
 * Answers with `application/problem+json` (RFC 9457).
 *
 * @param detail what to do about it; no key material
 */
export function answerProblem(
  r: NginxHTTPRequest,
  code: keyof typeof STATUS,
  detail: string,
): void {
  const status = STATUS[code];
  r.headersOut['Content-Type'] = 'application/problem+json';
  r.return(status, JSON.stringify({ title: TITLE[code], status, code, detail }) + '\n');
}

/** Answers 200 with a body of JSON. */
export function answerJson(r: NginxHTTPRequest, body: object): void {
  r.headersOut['Content-Type'] = 'application/json';
  r.return(200, JSON.stringify(body) + '\n');
}
