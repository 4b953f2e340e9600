// Text as UTF-8, which QuickJS has no TextEncoder and TextDecoder for, and as lines of a log.

/** How many bytes become a string in one call of a function, whose arguments they are. */
const CHUNK_BYTES = 4096

/** Returns a text in UTF-8. Half a surrogate pair becomes U+FFFD, as in TextEncoder. */
export function encode(text) {
  const bytes = unescape(encodeURIComponent(wellFormed(text)))
  const encoded = new Uint8Array(bytes.length)
  for (let index = 0; index < bytes.length; index++) encoded[index] = bytes.charCodeAt(index)
  return encoded
}

/** Returns the text of bytes in UTF-8; throws a URIError if they are none. */
export function decode(bytes) {
  let text = ''
  for (let from = 0; from < bytes.length; from += CHUNK_BYTES) {
    text += String.fromCharCode.apply(null, bytes.subarray(from, from + CHUNK_BYTES))
  }
  return /[\x80-\xff]/.test(text) ? decodeURIComponent(escape(text)) : text
}

/** Returns a text with U+FFFD for each half of a surrogate pair: the host takes no others. */
export function wellFormed(text) {
  return text.replace(/\p{Surrogate}/gu, '\ufffd')
}

/** How much of an exception is logged. */
const EXCEPTION_LETTERS_MAX = 1000
const STACK_LETTERS_MAX = 1000

/** Returns a value as a person reads it in a log. */
export function described(value) {
  if (typeof value === 'string') return wellFormed(value)
  if (value instanceof Error) {
    // What the host answered is in `payload`, and the message says only so.
    const message = value.payload === undefined ? value.message : `the host answered ${json(value.payload)}`
    const text = cut(`${value.name}: ${message}`, EXCEPTION_LETTERS_MAX)
    return wellFormed(`${text}\n${cut(value.stack ?? '', STACK_LETTERS_MAX)}`.trimEnd())
  }
  return wellFormed(json(value))
}

/** Returns a text up to a length, with a note of how much is left out. */
export function cut(text, lettersMax) {
  return text.length <= lettersMax ? text : `${text.slice(0, lettersMax)} … and ${text.length - lettersMax} letters more`
}

function json(value) {
  try {
    return JSON.stringify(value, (_, member) => (typeof member === 'bigint' ? String(member) : member)) ?? String(value)
  } catch {
    // It refers to itself.
    return String(value)
  }
}
