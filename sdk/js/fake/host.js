// A host for the tests under Node: what the SDK imports from it are the objects in `host`.

import { randomBytes } from 'node:crypto'
import { register } from 'node:module'

// Node 20 has none.
Symbol.dispose ??= Symbol('Symbol.dispose')

const HOOKS = `
  export const resolve = (specifier, context, next) =>
    /^(wares|wasi):/.test(specifier) ? { url: 'host:' + specifier, shortCircuit: true } : next(specifier, context)
  export const load = (url, context, next) =>
    url.startsWith('host:')
      ? { format: 'module', shortCircuit: true, source: 'export default globalThis.host[' + JSON.stringify(url.slice(5)) + ']' }
      : next(url, context)
`
register(`data:text/javascript,${encodeURIComponent(HOOKS)}`)

/** The lines that were logged. */
export const lines = []

/** The settings. */
export const settings = new Map()

/** What the database was asked, and how it answers: a function of statement and parameters. */
export const sql = { asked: [], answer: () => ({ columns: 0, count: 0, data: new Uint8Array() }) }

/** What a function of the host throws that returns an error. */
export function thrown(payload) {
  return Object.assign(new Error('[object Object] (see error.payload)'), { payload })
}

function ask(statement, parameters) {
  sql.asked.push([statement, parameters])
  return sql.answer(statement, parameters)
}

class Transaction {
  static begin() {
    ask('begin')
    return new Transaction()
  }

  static commit() {
    ask('commit')
  }

  query(...asked) {
    return ask(...asked)
  }

  execute(...asked) {
    return ask(...asked)
  }

  [Symbol.dispose]() {
    ask('rollback')
  }
}

/** How often it was asked for random bytes. */
export const random = { asked: 0 }

globalThis.host = {
  'wasi:logging/logging@0.1.0-draft': { log: (...line) => lines.push(line) },
  'wasi:config/store@0.2.0-rc.1': { get: (key) => settings.get(key), getAll: () => [...settings] },
  'wasi:random/random@0.2.0': {
    getRandomBytes(length) {
      random.asked += 1
      return new Uint8Array(randomBytes(length))
    },
  },
  'wares:platform/sql@1.2.0': { query: ask, execute: ask, Transaction },
  'wares:platform/events@1.2.0': { emit: (_, name, data) => ask('emit', [name, data]) },
}

