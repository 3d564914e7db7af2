import 'reflect-metadata';
import type { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
const SERIAL_BYTES = 8;

/** A certificate and its private key, in PEM. */
export interface TestIdentity {
  readonly certificate: string;
  readonly key: string;
}

/** What a certificate says. */
export interface TestCertificateOptions {
  readonly name: string;
  readonly hosts?: readonly string[];
  readonly addresses?: readonly string[];
  /** Days from now. */
  readonly validFrom?: number;
  readonly validUntil?: number;
}

/** A CA that exists for as long as a test does. */
export interface TestAuthority {
  readonly certificate: string;
  issue(options: TestCertificateOptions): Promise<TestIdentity>;
}

export async function createTestAuthority(name: string): Promise<TestAuthority> {
  const keys = await crypto.subtle.generateKey(EC, true, ['sign', 'verify']);
  const own = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: EC,
    serialNumber: serial(),
    notBefore: days(-100),
    notAfter: days(100),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  return {
    certificate: own.toString('pem'),
    issue: (options) => issue(own.subject, keys.privateKey, options),
  };
}

async function issue(
  issuer: string,
  signingKey: webcrypto.CryptoKey,
  options: TestCertificateOptions,
): Promise<TestIdentity> {
  const keys = await crypto.subtle.generateKey(EC, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${options.name}`,
    issuer,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: EC,
    serialNumber: serial(),
    notBefore: days(options.validFrom ?? -1),
    notAfter: days(options.validUntil ?? 1),
    extensions: [
      new x509.SubjectAlternativeNameExtension([
        ...(options.hosts ?? []).map((value) => ({ type: 'dns' as const, value })),
        ...(options.addresses ?? []).map((value) => ({ type: 'ip' as const, value })),
      ]),
    ],
  });
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey));
  const lines = pkcs8.toString('base64').match(/.{1,64}/g) ?? [];
  const label = 'PRIVATE KEY';
  const key = [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
  return { certificate: certificate.toString('pem'), key };
}

function serial(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SERIAL_BYTES));
  bytes[0] = 1;
  return Buffer.from(bytes).toString('hex');
}

function days(fromNow: number): Date {
  return new Date(Date.now() + fromNow * DAY_MS);
}
