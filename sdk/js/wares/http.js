// The interface `http`: routes as a table with their handlers, JSON bodies and answers, queries.

import { Problem, Rejection } from './errors.js'
import { guarded } from './guard.js'
import { decode, encode } from './text.js'

/** An answer with another status than 200, or with headers. Without a value it has no body. */
export class Answer {
  /**
   * @param {number} status
   * @param {unknown} [value] What JSON can show.
   * @param {Record<string, string>} [headers]
   */
  constructor(status, value, headers = {}) {
    this.status = status
    this.value = value
    this.headers = headers
  }
}

const invalid = (message) => new Problem(400, 'invalid_data', `Invalid request: ${message}`)

/** The parameters after the `?`, percent-decoded, each as often as it was sent. */
export class Query {
  #values = new Map()

  constructor(text) {
    for (const pair of text.split('&')) {
      if (pair === '') continue
      const [name, ...value] = pair.split('=').map(percentDecoded)
      if (!this.#values.has(name)) this.#values.set(name, [])
      this.#values.get(name).push(value.join('='))
    }
  }

  /** Returns the first value of a parameter, or null. */
  get(name) {
    return this.all(name)[0] ?? null
  }

  /** Returns all values of a parameter. */
  all(name) {
    return this.#values.get(name) ?? []
  }

  /** Returns the names of all parameters. */
  names() {
    return [...this.#values.keys()]
  }
}

function percentDecoded(text) {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw invalid(`the query has '${text}', which is no percent-encoded UTF-8`)
  }
}

/** How deep a body is nested at most, as in the customers module. */
const NESTING_MAX = 128

/** Returns the value of a JSON text; throws a Problem if it is none, or of no use. */
export function parse(text) {
  checkNesting(text)
  // Half a surrogate pair cannot be answered, stored or logged.
  const check = /\\ud[89a-f]/i.test(text) ? (_, value) => (typeof value === 'string' ? whole(value) : value) : undefined
  try {
    return JSON.parse(text, check)
  } catch (thrown) {
    throw thrown instanceof Problem ? thrown : invalid(`the body is no JSON: ${thrown.message}`)
  }
}

function whole(text) {
  if (/\p{Surrogate}/u.test(text)) throw invalid('the body has half a surrogate pair')
  return text
}

function checkNesting(text) {
  let depth = 0
  let quoted = false
  for (let index = 0; index < text.length; index++) {
    const letter = text[index]
    if (quoted) {
      if (letter === '\\') index++
      else if (letter === '"') quoted = false
    } else if (letter === '"') quoted = true
    else if (letter === '[' || letter === '{') depth++
    else if (letter === ']' || letter === '}') depth--
    if (depth > NESTING_MAX) throw invalid(`the body is nested deeper than ${NESTING_MAX}`)
  }
}

/** A request, as its handler sees it. */
export class Request {
  #sent
  #names

  constructor(sent, path) {
    this.#sent = sent
    this.#names = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name)
  }

  /** What the path's `{name}` segments matched, percent-decoded, by name. */
  get parameters() {
    return Object.fromEntries(this.#names.map((name, index) => [name, this.#sent.pathParameters[index]]))
  }

  /** @returns {Query} */
  get query() {
    return new Query(this.#sent.query)
  }

  /** Those of the route's `headers` that the request has, by name; of several one, the first. */
  get headers() {
    return Object.fromEntries(this.#sent.headers.map(({ name, value }) => [name, value]).reverse())
  }

  /** The body's bytes; none where no body was sent.
   * @returns {Uint8Array}
   */
  get body() {
    return this.#sent.body
  }

  /** Returns the body's value, an object or an array; throws a Problem where none was sent. */
  json() {
    if (this.#sent.body.length === 0) throw invalid('a body is missing')
    return parse(decode(this.body))
  }

  /** Who makes the request, `{kind, id}`; always there on a route for `admin`. */
  get actor() {
    return this.#sent.actor ?? null
  }

  /** Stands in every line of the log that belongs to this request. */
  get requestId() {
    return this.#sent.requestId
  }
}

/**
 * @typedef {object} Route
 * @property {'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} method
 * @property {string} path `/admin/things/{id}`
 * @property {'admin' | 'anyone'} access
 * @property {(request: Request) => unknown} handler Returns what JSON can show, an Answer, or
 *   undefined for an answer of 204; throws a Problem or a Rejection.
 * @property {object} [operation] The OpenAPI operation.
 * @property {string[]} [headers] The request headers that it wants to see, in lower case.
 */

/**
 * Returns the export `http`.
 *
 * @param {Route[]} table
 * @param {Record<string, object>} [schemas] The JSON Schemas that operations refer to.
 */
export function routes(table, schemas = {}) {
  return guarded({
    routes: () =>
      table.map(({ method, path, access, headers = [], operation }) => ({
        method,
        path,
        access,
        headers,
        operation: operation === undefined ? '' : JSON.stringify(operation),
      })),
    schemas: () => (Object.keys(schemas).length > 0 ? JSON.stringify(schemas) : ''),
    handle: (sent) => {
      const { handler, path } = table[sent.route]
      return response(answered(() => handler(new Request(sent, path))))
    },
  })
}

/** Calls a handler; returns its answer, or that of what it threw on purpose. */
function answered(handler) {
  try {
    const value = handler()
    if (typeof value?.then === 'function') {
      throw new TypeError('the handler returned a promise; the host waits for none, so it must not be async')
    }
    if (value instanceof Answer) return value
    return value === undefined ? new Answer(204) : new Answer(200, value)
  } catch (thrown) {
    if (thrown instanceof Rejection) {
      const { message, field, code } = thrown
      return new Answer(400, { type: 'invalid_data', message, field: field ?? undefined, code: code ?? undefined })
    }
    if (thrown instanceof Error && thrown.status !== undefined) {
      return new Answer(thrown.status, { type: thrown.type, message: thrown.message })
    }
    throw thrown instanceof Error ? thrown : new TypeError(`a handler threw what is no Error: ${JSON.stringify(thrown)}`)
  }
}

function response({ status, value, headers }) {
  return {
    status,
    headers: Object.entries(headers).map(([name, value]) => ({ name, value })),
    body: value === undefined ? new Uint8Array() : encode(JSON.stringify(value)),
  }
}
