"""A Docker registry with one tiny image, on loopback, where engines ask for no certificate."""

import hashlib
import http.server
import io
import json
import os
import tarfile
import threading
from typing import Any

LAYER_BYTES = 3 << 20
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar"


class Registry:
    """Serves `tests/tiny` by every tag, while its `with` lasts.

    Args:
        config: of the image, such as its ExposedPorts.

    Attributes:
        digest: the image's, which names it too.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._blobs: dict[str, tuple[str, bytes]] = {}
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode="w") as archive:
            file = tarfile.TarInfo("noise")
            file.size = LAYER_BYTES
            archive.addfile(file, io.BytesIO(os.urandom(LAYER_BYTES)))
        described = self._add(LAYER, layer.getvalue())
        rootfs = {"type": "layers", "diff_ids": [described["digest"]]}
        image = {"architecture": "amd64", "os": "linux", "config": config, "rootfs": rootfs}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._add(CONFIG, json.dumps(image).encode()),
            "layers": [described],
        }
        self.digest = self._add(MANIFEST, json.dumps(manifest).encode())["digest"]
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> "Registry":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _add(self, media_type: str, data: bytes) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self._blobs[digest] = media_type, data
        return {"mediaType": media_type, "size": len(data), "digest": digest}

    def _find(self, path: str) -> tuple[str, str, bytes] | None:
        """Digest, type and bytes of what a path names."""
        if path == "/v2/":
            return "", "application/json", b"{}"
        if not path.startswith("/v2/tests/tiny/"):
            return None
        kind, name = path.removeprefix("/v2/tests/tiny/").split("/", 1)
        digest = self.digest if kind == "manifests" and ":" not in name else name
        found = self._blobs.get(digest)
        return None if found is None else (digest, *found)

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        find = self._find

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = find(self.path)
                if found is None:
                    self.send_error(404)
                    return
                digest, media_type, data = found
                self.send_response(200)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(data)))
                self.send_header("Docker-Content-Digest", digest)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(data)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        return Handler
