// How a phone number is written: in the international form, `+4930123456`. A number that cannot
// be read for certain stays as it is: an extension has no better one.

/**
 * The country's calling code, what stands before a number within the country, and how many
 * digits the number has without both. Where nothing stands before it, every number is whole.
 */
const COUNTRIES = {
  at: ['43', ['0'], 4, 13],
  au: ['61', ['0'], 9, 9],
  be: ['32', ['0'], 8, 9],
  bg: ['359', ['0'], 7, 9],
  ca: ['1', [], 10, 10],
  ch: ['41', ['0'], 9, 9],
  cy: ['357', [], 8, 8],
  cz: ['420', [], 9, 9],
  de: ['49', ['0'], 6, 13],
  dk: ['45', [], 8, 8],
  ee: ['372', [], 7, 8],
  es: ['34', [], 9, 9],
  fi: ['358', ['0'], 5, 12],
  fr: ['33', ['0'], 9, 9],
  gb: ['44', ['0'], 9, 10],
  gr: ['30', [], 10, 10],
  hr: ['385', ['0'], 8, 9],
  hu: ['36', ['06'], 8, 9],
  ie: ['353', ['0'], 7, 9],
  in: ['91', ['0'], 10, 10],
  is: ['354', [], 7, 7],
  it: ['39', [], 6, 11],
  jp: ['81', ['0'], 9, 10],
  lt: ['370', ['0', '8'], 8, 8],
  lu: ['352', [], 4, 11],
  lv: ['371', [], 8, 8],
  mt: ['356', [], 8, 8],
  nl: ['31', ['0'], 9, 9],
  no: ['47', [], 8, 8],
  nz: ['64', ['0'], 8, 10],
  pl: ['48', [], 9, 9],
  pt: ['351', [], 9, 9],
  ro: ['40', ['0'], 9, 9],
  se: ['46', ['0'], 7, 9],
  si: ['386', ['0'], 8, 8],
  sk: ['421', ['0'], 9, 9],
  us: ['1', [], 10, 10],
}

/** Countries that dial one another as one: three digits of an area, none of them of 0 or 1. */
const AMERICAN = /^[2-9]\d{2}[2-9]\d{6}$/

/** What is dialled before the calling code of another country, where it is not `00`. */
const ABROAD = { au: '0011', ca: '011', jp: '010', us: '011' }

/** Whether numbers of a country are known, by its code of two letters in lower case. */
export const isKnown = (country) => Object.hasOwn(COUNTRIES, country)

/** Returns the codes of all known countries. */
export const known = () => Object.keys(COUNTRIES)

/**
 * Returns a phone number in the international form, or as it is.
 *
 * @param {string} text
 * @param {string | null} country Where a number without a calling code is, if that is known.
 */
export function phone(text, country) {
  const given = text.trim()
  const bare = given.replace(/^tel:/i, '').replace(/\(0\)/, '').replace(/[\s()./\u2010-\u2013-]/g, '')
  if (!/^\+?\d+$/.test(bare)) return given
  return international(bare, country) ?? given
}

function international(bare, country) {
  if (bare.startsWith('+')) return whole(bare.slice(1))
  const abroad = ABROAD[country] ?? '00'
  if (bare.startsWith(abroad)) return whole(bare.slice(abroad.length))
  if (country === null || !isKnown(country)) return null
  return national(bare, COUNTRIES[country])
}

/** A calling code and a number have 8 to 15 digits together, and the code does not begin with 0. */
const whole = (digits) => (/^[1-9]\d{7,14}$/.test(digits) ? `+${digits}` : null)

function national(bare, [code, before, least, most]) {
  if (code === '1') {
    const digits = bare.replace(/^1/, '')
    return AMERICAN.test(digits) ? `+1${digits}` : null
  }
  const prefix = before.find((prefix) => bare.startsWith(prefix))
  // Without it a number may be that of a subscriber, whose area is not known.
  if (before.length > 0 && prefix === undefined) return null
  const digits = bare.slice(prefix?.length ?? 0)
  return digits.length >= least && digits.length <= most ? whole(code + digits) : null
}
