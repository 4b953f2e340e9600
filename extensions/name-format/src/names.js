// How a person's name is written. Only white space and capitals are changed, and capitals only
// where a name has none, or nothing else: who writes `McDonald` or `van der Berg` means it.

/** Returns a text in composed form, without white space around it and with one space between its words. */
export function spaced(text) {
  return text.normalize('NFC').replace(/[\s\u200b\ufeff]+/g, ' ').trim()
}

/** Returns a given name: `ANNE-MARIE` is `Anne-Marie`. */
export function givenName(text) {
  const name = spaced(text)
  // `JP` is two initials.
  return oneCase(name) && !/^[B-DF-HJ-NP-TV-XZ]{2}$/.test(name) ? capitalised(name) : name
}

/** Words of a family name that have no capital, wherever it does not end with them. */
const PARTICLES = new Set(
  "'t af av bin bint da das de degli dei del della den der di do dos du ibn te ten ter van vom von zu zum zur".split(' '),
)

/** Those that have none after another word: `de la Cruz`, but `La Rue`. */
const LATER_PARTICLES = new Set('e la las los und y'.split(' '))

/** What a family name ends with that is all capitals. */
const NUMERALS = new Set(['ii', 'iii', 'iv'])

/** Returns a family name: `VAN DER BERG` is `van der Berg`, `o'neil` is `O'Neil`. */
export function familyName(text) {
  const name = spaced(text)
  if (!oneCase(name)) return name
  const words = name.split(' ')
  const last = words.length - 1
  return words
    .map((word, index) => {
      const small = lower(word)
      if (index > 0 && index === last && NUMERALS.has(small)) return word.toUpperCase()
      const particle = PARTICLES.has(small) || (index > 0 && LATER_PARTICLES.has(small))
      return particle && index < last ? small : capitalised(word)
    })
    .join(' ')
}

/** Whether a name has no capitals, or nothing else. A single letter says nothing of the others. */
function oneCase(name) {
  return name === name.toLowerCase() || (name === name.toUpperCase() && [...name].length > 1)
}

/** Returns words with a capital at the beginning of each, after a hyphen, a dot, `Mc`, and one letter with an apostrophe. */
function capitalised(words) {
  return words.replace(/\p{L}[\p{L}\p{M}]*/gu, (run, at) => {
    const before = words.slice(0, at)
    const inside = /['’]$/.test(before) && (run.length === 1 || !/(^|[ .-])\p{L}['’]$/u.test(before))
    if (inside) return lower(run)
    return /^mc\p{L}/iu.test(run) ? `Mc${capital(run.slice(2))}` : capital(run)
  })
}

// The first letter stays if it is a capital: of `İ` and `I` in Turkish, the small ones do not tell.
function capital([first, ...others]) {
  return first.toUpperCase() + lower(others.join(''))
}

/** Where a capital has a dot, as in Turkish, the small letter has none of its own beside it. */
const lower = (text) => text.toLowerCase().replaceAll('i\u0307', 'i')
