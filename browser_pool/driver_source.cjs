// Goes before Playwright in its own process, which has no setting for where a connection comes from: a header
// of the one that is asked for says it here, and nobody else. See door.py.
'use strict';
const http = require('node:http');

const HEADER = 'x-linkpool-source';
const request = http.request;

http.request = function (options, ...rest) {
  const source = options && options.headers && options.headers[HEADER];
  if (source) {
    const [localAddress, localPort] = source.split(':');
    const { [HEADER]: _, ...headers } = options.headers;
    options = { ...options, headers, localAddress, localPort: Number(localPort) };
  }
  return request.call(this, options, ...rest);
};
