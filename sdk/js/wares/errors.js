// Exceptions that are answers. All others are failures, and are in the log.

/**
 * Why an extension refuses what was about to be done. Thrown in a hook it ends the request
 * with 400; thrown in the handler of a route it is the answer.
 */
export class Rejection extends Error {
  /**
   * @param {string} message One sentence for the person who asked for it.
   * @param {{field?: string, code?: string}} [about] The field of the request's body, and a
   *   name of the reason for programs.
   */
  constructor(message, { field = null, code = null } = {}) {
    super(message)
    this.name = 'Rejection'
    this.field = field
    this.code = code
  }
}

/** An error that is answered as `{"type", "message"}`. */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {string} type A name for programs: `not_found`, `invalid_data`, `not_allowed`.
   * @param {string} message One sentence for the person who asked.
   */
  constructor(status, type, message) {
    super(message)
    this.name = 'Problem'
    this.status = status
    this.type = type
  }
}
