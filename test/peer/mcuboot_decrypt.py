"""Decrypts an MCUboot image as MCUboot's docs/encrypted_images.md says; shares no code with ours.

    mcuboot_decrypt.py KEY IMAGE

KEY is the private key of the device in PEM, P-256 or X25519. Prints one JSON object: the content
key in hexadecimal digits, and the SHA-256 of header, decrypted body and protected TLVs.
"""

import hashlib
import json
import struct
import sys

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

AES_128_FLAG = 0x04
AES_256_FLAG = 0x08
EC256_TLV = 0x32
X25519_TLV = 0x33
TAG_BYTES = 32


def main(key_path, image_path):
    with open(key_path, "rb") as file:
        key = serialization.load_pem_private_key(file.read(), None)
    with open(image_path, "rb") as file:
        image = file.read()
    header_size, protected_size, body_size, flags = struct.unpack_from("<HHII", image, 8)
    key_size = {AES_128_FLAG: 16, AES_256_FLAG: 32}[flags & (AES_128_FLAG | AES_256_FLAG)]
    end = header_size + body_size
    content_key = unwrap(key, wrapped_key(image, end + protected_size), key_size)
    body = aes_ctr(content_key, image[header_size:end])
    plain = image[:header_size] + body + image[end : end + protected_size]
    print(json.dumps({"contentKey": content_key.hex(), "hash": hashlib.sha256(plain).hexdigest()}))


def wrapped_key(image, offset):
    magic, total = struct.unpack_from("<HH", image, offset)
    assert magic == 0x6907
    at = offset + 4
    while at < offset + total:
        kind, length = struct.unpack_from("<HH", image, at)
        if kind in (EC256_TLV, X25519_TLV):
            return image[at + 4 : at + 4 + length]
        at += 4 + length
    raise ValueError("the image carries no content key")


def unwrap(key, wrapped, key_size):
    point_size = len(wrapped) - TAG_BYTES - key_size
    point = wrapped[:point_size]
    tag = wrapped[point_size : point_size + TAG_BYTES]
    encrypted = wrapped[point_size + TAG_BYTES :]
    if isinstance(key, x25519.X25519PrivateKey):
        secret = key.exchange(x25519.X25519PublicKey.from_public_bytes(point))
    else:
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        secret = key.exchange(ec.ECDH(), public)
    length = key_size + TAG_BYTES
    derived = HKDF(hashes.SHA256(), length, None, b"MCUBoot_ECIES_v1").derive(secret)
    check = hmac.HMAC(derived[key_size:], hashes.SHA256())
    check.update(encrypted)
    check.verify(tag)
    return aes_ctr(derived[:key_size], encrypted)


def aes_ctr(key, data):
    cipher = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).decryptor()
    return cipher.update(data) + cipher.finalize()


if __name__ == "__main__":
    main(*sys.argv[1:])
