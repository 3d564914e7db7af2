"""Updates a board with smpclient; prints one JSON object per step.

    smpclient_update.py confirm PORT IMAGE    the new image runs on trial and is confirmed
    smpclient_update.py rollback PORT IMAGE   the new image runs on trial and is taken back

PORT is a serial port, or udp:HOST:PORT.

Exits 0 when every request was answered as it had to be. What the answers said is the caller's to
judge.
"""

import asyncio
import json
import sys
import time

from smpclient import SMPClient
from smpclient.exceptions import SMPBadSequence
from smpclient.generics import success
from smpclient.mcuboot import IMAGE_TLV, ImageInfo
from smpclient.requests.image_management import ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import EchoWrite, MCUMgrParametersRead, ResetWrite
from smpclient.transport.serial import SMPSerialTransport
from smpclient.transport.udp import SMPUDPTransport

POLL_TIMEOUT_S = 0.3
POLL_INTERVAL_S = 0.05
CHANGE_TIMEOUT_S = 30.0


def report(step, **facts):
    print(json.dumps({"step": step, **facts}), flush=True)


def describe(images):
    return [
        {
            "slot": image.slot,
            "version": image.version,
            "hash": None if image.hash is None else bytes(image.hash).hex(),
            "active": bool(image.active),
            "confirmed": bool(image.confirmed),
            "pending": bool(image.pending),
            "permanent": bool(image.permanent),
            "bootable": bool(image.bootable),
        }
        for image in images
    ]


async def ask(client, request):
    response = await client.request(request)
    if not success(response):
        raise SystemExit(f"the board refused {request}: {response}")
    return response


async def wait_for_images(client, is_wanted):
    """Asks until the board lists what is wanted; it does not answer while it restarts."""
    deadline = time.monotonic() + CHANGE_TIMEOUT_S
    seen = []
    while time.monotonic() < deadline:
        try:
            response = await client.request(ImageStatesRead(), timeout_s=POLL_TIMEOUT_S)
        except (TimeoutError, SMPBadSequence):
            continue
        if success(response):
            images = describe(response.images)
            seen += [i["version"] for i in images if i["active"] and i["version"] not in seen]
            if is_wanted(images):
                return images, seen
        await asyncio.sleep(POLL_INTERVAL_S)
    raise SystemExit(f"the board did not get there within {CHANGE_TIMEOUT_S} s")


async def stage(client, path):
    """Everything up to and including the reset; returns the new image's hash in hexadecimal."""
    with open(path, "rb") as file:
        image = file.read()
    image_hash = bytes(ImageInfo.load_file(path).get_tlv(IMAGE_TLV.SHA256).value)
    report("echo", text=(await ask(client, EchoWrite(d="Hello, board!"))).r)
    params = await ask(client, MCUMgrParametersRead())
    report("params", bufferBytes=params.buf_size, bufferCount=params.buf_count)
    report("list", images=describe((await ask(client, ImageStatesRead())).images))
    offsets = [offset async for offset in client.upload(image)]
    rising = all(a < b for a, b in zip(offsets, offsets[1:]))
    report("upload", bytes=offsets[-1], requests=len(offsets), rising=rising)
    report(
        "uploaded",
        expectedHash=image_hash.hex(),
        images=describe((await ask(client, ImageStatesRead())).images),
    )
    tested = await ask(client, ImageStatesWrite(hash=image_hash))
    report("test", images=describe(tested.images))
    await ask(client, ResetWrite())
    report("reset")
    return image_hash.hex()


async def confirm(client, path):
    image_hash = await stage(client, path)
    images, _ = await wait_for_images(
        client, lambda images: any(i["active"] and i["hash"] == image_hash for i in images)
    )
    report("trial", images=images)
    confirmed = await ask(client, ImageStatesWrite(confirm=True))
    report("confirm", images=describe(confirmed.images))
    report("confirmed", images=describe((await ask(client, ImageStatesRead())).images))


async def rollback(client, path):
    image_hash = await stage(client, path)
    images, seen = await wait_for_images(
        client,
        lambda images: not any(
            i["hash"] == image_hash and (i["active"] or i["pending"]) for i in images
        ),
    )
    report("rolled-back", images=images, seen=seen)


class UDPTransport(SMPUDPTransport):
    """Takes the port from the address; the client above knows only of the default one."""

    async def connect(self, address, timeout_s):
        _, host, port = address.split(":")
        await super().connect(host, timeout_s, int(port))


async def main():
    scenario, port, path = sys.argv[1:]
    run = {"confirm": confirm, "rollback": rollback}[scenario]
    transport = UDPTransport() if port.startswith("udp:") else SMPSerialTransport()
    async with SMPClient(transport, port) as client:
        await run(client, path)


asyncio.run(main())
