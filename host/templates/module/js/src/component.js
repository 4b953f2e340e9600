// The rules as a component: what the host calls. A field of WIT in kebab-case is one in
// camelCase here, `option` is a value or null, and `result` is a value or an exception.

import store from 'wasi:config/store@0.2.0-rc.1'
import logging from 'wasi:logging/logging@0.1.0-draft'

import { WORD, faults, greeting } from './rules.js'

const NAME = 'wares-template'

export const lifecycle = {
  describe() {
    return { name: NAME, version: '0.1.0', summary: 'Greets people' }
  },

  checkSettings() {
    const found = faults(store.getAll())
    if (found.length > 0) throw found
  },
}

/** The route in the host's OpenAPI document. */
const operation = {
  operationId: `${NAME}-greet`,
  summary: 'Greet a person',
  tags: [NAME],
  responses: {
    200: {
      description: 'The greeting',
      content: {
        'application/json': {
          schema: { type: 'object', required: ['greeting'], properties: { greeting: { type: 'string' } } },
        },
      },
    },
  },
}

/** A text in UTF-8: QuickJS has no TextEncoder. */
function utf8(text) {
  return Uint8Array.from(unescape(encodeURIComponent(text)), (byte) => byte.charCodeAt(0))
}

/** An answer in JSON. */
function answer(status, value) {
  return { status, headers: [], body: utf8(JSON.stringify(value)) }
}

function greet({ pathParameters: [name] }) {
  const text = greeting(store.get(WORD), name)
  logging.log('info', 'greet', text)
  return answer(200, { greeting: text })
}

const routes = [
  {
    method: 'GET',
    path: `/admin/${NAME}/{name}`,
    access: 'admin',
    headers: [],
    operation: JSON.stringify(operation),
    handler: greet,
  },
]

export const http = {
  /** A request names its route by the place in this list. */
  routes: () => routes,
  schemas: () => '',
  handle: (request) => routes[request.route].handler(request),
}
