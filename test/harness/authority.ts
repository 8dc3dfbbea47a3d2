import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A certificate and its key, in PEM. */
export type Signed = { readonly key: string; readonly cert: string }

/** Who signs certificates in a test, and is trusted by nobody. */
export type Authority = {
  readonly cert: string
  /** A certificate for these names, as in `DNS:db.test,IP:127.0.0.1`. */
  sign(names: string): Signed
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']

const make = (subject: string, extension: string, signer?: Signed): Signed => {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-authority-'))
  const file = (name: string, input?: string): string => {
    if (input !== undefined) writeFileSync(join(folder, name), input, { mode: 0o600 })
    return join(folder, name)
  }
  try {
    const by = signer ? ['-CA', file('ca.pem', signer.cert), '-CAkey', file('ca-key.pem', signer.key)] : []
    const [key, cert] = [file('key.pem'), file('cert.pem')]
    const made = ['-subj', `/CN=${subject}`, '-addext', extension, '-keyout', key, '-out', cert]
    execFileSync('openssl', ['req', '-x509', ...NEW_KEY, ...by, ...made], { stdio: 'pipe' })
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Makes an authority with openssl. */
export const makeAuthority = (): Authority => {
  const own = make('tollgate test authority', 'keyUsage=critical,keyCertSign')
  return { cert: own.cert, sign: (names) => make('tollgate test', `subjectAltName=${names}`, own) }
}
