// The rules. They know nothing of the host, so that `npm test` runs them under Node.

/** The one setting: the domain whose email addresses are refused. */
export const REFUSED_DOMAIN = 'refused_domain'

/** Returns a name without white space around it, and with one space between its words. */
export function tidy(name) {
  return name.trim().replace(/\s+/g, ' ')
}

/** Whether an email address is of this domain, in any case. */
export function isOf(email, domain) {
  const at = email.lastIndexOf('@')
  return at >= 0 && email.slice(at + 1).trim().toLowerCase() === domain.trim().toLowerCase()
}

/** Returns what is wrong with the settings: lines that begin with their keys. */
export function faults(settings) {
  return Object.keys(settings)
    .filter((key) => key !== REFUSED_DOMAIN)
    .map((key) => `${key}: there is no such setting; there is ${REFUSED_DOMAIN}`)
}
