// The rules. They know nothing of the host, so that `npm test` runs them under Node.

/** The one setting: the word before the name. */
export const WORD = 'word'

/** Returns the greeting of a person, by the setting if there is one. */
export function greeting(word, name) {
  return `${word ?? 'Hello'}, ${name.trim()}!`
}

/** Returns what is wrong with the settings: lines that begin with their keys. */
export function faults(settings) {
  return Object.keys(settings)
    .filter((key) => key !== WORD)
    .map((key) => `${key}: there is no such setting; there is ${WORD}`)
}
