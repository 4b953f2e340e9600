// The rules as a component: what the host calls.

import { routes } from '../wares/http.js'
import { component, setting } from '../wares/lifecycle.js'

import { WORD, faults, greeting } from './rules.js'

const NAME = 'wares-template'

export const lifecycle = component({ name: NAME, version: '0.1.0', summary: 'Greets people' }, faults)

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

function greet({ parameters: { name } }) {
  const text = greeting(setting(WORD), name)
  console.info(text)
  return { greeting: text }
}

export const http = routes([
  { method: 'GET', path: `/admin/${NAME}/{name}`, access: 'admin', operation, handler: greet },
])
