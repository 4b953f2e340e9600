// What a component exports, guarded: an exception that nothing caught is in the log with its
// text and its place before the call fails.

import { Rejection } from './errors.js'
import { begin } from './prelude.js'
import { cut, described } from './text.js'

/**
 * Returns an interface as the host calls it: each function logs what it throws and nobody
 * expects. A Rejection and what is no Error, as the list of faults of `checkSettings`, is the
 * function's own error.
 *
 * @template {Record<string, Function>} T
 * @param {T} calls
 * @returns {T}
 */
export function guarded(calls) {
  return Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, guard(name, call)]))
}

function guard(name, call) {
  return (...values) => {
    begin()
    try {
      const result = call(...values)
      if (typeof result?.then === 'function') {
        throw new TypeError(`${name} returned a promise; the host waits for none, so it must not be async`)
      }
      return result
    } catch (thrown) {
      if (thrown instanceof Rejection) {
        const { message, field, code } = thrown
        throw { message, field, code }
      }
      if (!(thrown instanceof Error)) throw thrown
      throw failure(thrown)
    }
  }
}

/** How much of an exception the runtime repeats when it ends the call. */
const LETTERS_MAX = 200

/** Logs an exception; returns what the runtime ends the call with, which prints it in a form of its own. */
function failure(thrown) {
  console.error(thrown)
  const failed = new Error(cut(`${thrown.name}: ${thrown.message}`, LETTERS_MAX))
  failed.stack = ''
  return failed
}
