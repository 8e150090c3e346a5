"""Over HTTPS: with a certificate of one's own, with one that is not trusted, across a fork."""

import shutil
import ssl
import subprocess

import pytest

from tests.client.peer import Peer

pytestmark = pytest.mark.skipif(
    not shutil.which("openssl"), reason="openssl makes the certificate; it is not here"
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key.pem -out cert.pem -subj /CN=127.0.0.1"
    extra = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command.split(), *extra], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def tls_peer(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    peer = Peer(tls=context)
    yield peer
    peer.stop()


def test_a_trusted_server_gets_everything_on_one_connection(make_client, tls_peer, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    client = make_client(url=tls_peer.url)
    for name in ("p1", "p2"):
        client.prediction("houses", "v1", id=name, value=1)
        assert client.flush(5)
    assert tls_peer.ids() == ["p1", "p2"]
    assert tls_peer.n_connections == 1


def test_a_server_that_is_not_trusted_gets_nothing(make_client, tls_peer):
    client = make_client(url=tls_peer.url)
    client.prediction("houses", "v1", value=1)
    assert client.flush(0.3) is False
    assert tls_peer.requests == []
    assert "CERTIFICATE_VERIFY_FAILED" in client.stats().last_errors[0]
    assert client.stats().waiting == 1


def test_the_connection_of_the_parent_outlives_a_fork(run, tls_peer, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    script = """
import os, sys
client = Client(sys.argv[1], "k", **QUICK)
def send(name):
    client.prediction("houses", "v1", id=name, value=1)
    assert client.flush(5)
send("before")
if (child := os.fork()) == 0:
    send("child")
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
send("after")
assert client.stats().last_errors == ()
"""
    process = run(script, tls_peer.url)
    _, err = process.communicate(timeout=15)
    assert (process.returncode, err) == (0, "")
    assert tls_peer.ids() == ["after", "before", "child"]
    assert tls_peer.n_connections == 2
