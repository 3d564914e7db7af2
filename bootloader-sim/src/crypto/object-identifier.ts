/** The object identifiers of keys, as the contents of their DER elements. */
export const OID: Readonly<
  Record<'ecPublicKey' | 'p256' | 'ed25519' | 'x25519' | 'rsa', Uint8Array>
> = {
  /** RFC 5480 §2.1.1. */
  ecPublicKey: Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01),
  /** RFC 5480 §2.1.1.1: secp256r1. */
  p256: Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07),
  /** RFC 8410 §3. */
  ed25519: Uint8Array.of(0x2b, 0x65, 0x70),
  x25519: Uint8Array.of(0x2b, 0x65, 0x6e),
  /** RFC 3279 §2.3.1. */
  rsa: Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01),
};
