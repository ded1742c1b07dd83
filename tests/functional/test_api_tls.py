# SPDX-License-Identifier: BSD-3-Clause
"""The API on TCP: TLS, tokens, client certificates, roles, and what changes while it serves."""
import contextlib
import hashlib
import http.client
import json
import os
import re
import secrets
import shutil
import socket
import ssl
import subprocess
import time

import pytest

from lab import WEIR, inside, run
from rest import ask, warm
from test_forwarding import TWO, two_hosts

TLS, PLAIN = 8443, 8080
TOKENS = {role: f"weir_{secrets.token_hex(32)}" for role in ("ro", "rw")}


def openssl(where, *argv, **kw):
    subprocess.run(["openssl", *argv], cwd=where, check=True, capture_output=True, **kw)


def sign(where, name, ca, purpose):
    openssl(where, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out",
            f"{name}.csr", "-subj", f"/CN={name}")
    with open(f"{where}/{name}.ext", "w", encoding="ascii") as f:
        f.write(f"extendedKeyUsage={purpose}\nsubjectAltName=IP:127.0.0.1\n")
    openssl(where, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial", "-days", "2",
            "-extfile", f"{name}.ext", "-out", f"{name}.pem")


def authority(where, name):
    openssl(where, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key",
            "-out", f"{name}.pem", "-days", "2", "-subj", f"/CN={name}")


@pytest.fixture(scope="module")
def certs(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    where = str(tmp_path_factory.mktemp("certs"))
    authority(where, "ca")
    authority(where, "strange-ca")
    sign(where, "server", "ca", "serverAuth")
    sign(where, "renewed", "ca", "serverAuth")
    for name in ("reader", "writer", "unlisted"):
        sign(where, name, "ca", "clientAuth")
    sign(where, "not-a-client", "ca", "serverAuth")
    sign(where, "stranger", "strange-ca", "clientAuth")
    os.mkfifo(f"{where}/pipe")  # who opens it would wait for ever
    return where


def config(certs, server="server", more="", tokens=("ro", "rw")):
    listed = "".join(f"    - {{name: {r}-token, role: {r}, hash: \"sha256:{hashlib.sha256(TOKENS[r].encode()).hexdigest()}\"}}\n"
                     for r in tokens)
    return TWO + f"""
api:
  listen:
    - address: 127.0.0.1
      port: {TLS}
      tls:
        certificate: {certs}/{server}.pem
        key: {certs}/{server}.key
        client-ca: {certs}/ca.pem
        clients: [{{name: reader}}, {{name: writer, role: rw}}, {{name: not-a-client, role: rw}}, {{name: stranger, role: rw}}]
    - {{address: 127.0.0.1, port: {PLAIN}}}
{more}""" + (f"  tokens:\n{listed}" if listed else "")


@pytest.fixture(scope="module")
def one(module_lab, certs):
    def with_loopback(**kw):
        lab = module_lab(**kw)
        run("ip", "link", "set", "lo", "up", ns=lab.ns)
        return lab
    return warm(two_hosts(with_loopback, config=config(certs)))


def context(certs, client=None):
    c = ssl.create_default_context(cafile=f"{certs}/ca.pem")
    if client:
        c.load_cert_chain(f"{certs}/{client}.pem", f"{certs}/{client}.key")
    return c


def connect(one, certs=None, client=None, port=None):
    with inside(one.ns):
        if certs is None:
            c = http.client.HTTPConnection("127.0.0.1", port or PLAIN, timeout=10)
        else:
            c = http.client.HTTPSConnection("127.0.0.1", port or TLS, timeout=10, context=context(certs, client))
        c.connect()
    return c


def tcp(one, method, target, certs=None, client=None, token=None, body=None):
    with contextlib.closing(connect(one, certs, client)) as c:
        c.request(method, target, body and json.dumps(body), {"Authorization": f"Bearer {token}"} if token else {})
        r = c.getresponse()
        return r.status, json.loads(r.read() or "{}"), r.headers


ROUTE = {"prefix": "192.0.2.0/24", "type": "blackhole"}


@pytest.mark.parametrize("tls", [True, False])
def test_tokens_have_roles(one, certs, tls):
    where = certs if tls else None
    status, doc, headers = tcp(one, "GET", "/v1/version", where)
    assert status == 401 and "token" in doc["error"] and headers["WWW-Authenticate"].startswith("Bearer")
    for wrong in ("", "x", TOKENS["ro"][:-1], TOKENS["ro"] + "0", "weir_" + "0" * 64):
        assert tcp(one, "GET", "/v1/version", where, token=wrong)[0] == 401
    assert tcp(one, "GET", "/v1/version", where, token=TOKENS["ro"])[0] == 200
    status, doc, _ = tcp(one, "GET", "/v1/api", where, token=TOKENS["ro"])
    assert (doc["client"], doc["role"]) == ("token ro-token", "ro")
    status, doc, _ = tcp(one, "PUT", "/v1/routes", where, token=TOKENS["ro"], body=ROUTE)
    assert status == 403 and "may read only" in doc["error"]
    assert "192.0.2.0/24" not in ask(one.socket, "GET", "/v1/routes").body
    assert tcp(one, "PUT", "/v1/routes", where, token=TOKENS["rw"], body=ROUTE)[0] == 200
    assert "192.0.2.0/24" in ask(one.socket, "GET", "/v1/routes").body
    assert tcp(one, "DELETE", "/v1/routes", where, token=TOKENS["rw"], body={"prefix": "192.0.2.0/24"})[0] == 200


@pytest.mark.parametrize("client,role", [("reader", "ro"), ("writer", "rw"), ("unlisted", None), ("not-a-client", None), (None, None)])
def test_certificates_have_roles(one, certs, client, role):
    status, doc, _ = tcp(one, "GET", "/v1/api", certs, client)
    if role is None:
        assert status == 401
        return
    assert (status, doc["client"], doc["role"]) == (200, f"certificate {client}", role)
    assert tcp(one, "PUT", "/v1/routes", certs, client, body=ROUTE)[0] == (200 if role == "rw" else 403)
    tcp(one, "DELETE", "/v1/routes", certs, client, body={"prefix": "192.0.2.0/24"})


def test_a_stranger_s_certificate_is_not_enough(one, certs):
    with contextlib.suppress(ssl.SSLError, ConnectionError, http.client.HTTPException):
        assert tcp(one, "GET", "/v1/version", certs, "stranger")[0] == 401


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_only_modern_tls(one, certs):
    with contextlib.closing(connect(one, certs)) as c:
        assert c.sock.version() == "TLSv1.3"
    old = context(certs)
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with inside(one.ns):
        c = http.client.HTTPSConnection("127.0.0.1", TLS, timeout=10, context=old)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            c.connect()


def test_garbage_instead_of_tls(one, certs):
    for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 1000, b"\0" * 100):
        with inside(one.ns):
            s = socket.create_connection(("127.0.0.1", TLS), timeout=10)
        s.sendall(data)
        with contextlib.suppress(ConnectionError):
            assert b"200" not in s.recv(4096)
        s.close()
    assert tcp(one, "GET", "/v1/version", certs, "reader")[0] == 200


def test_half_open_handshakes_do_not_keep_others_waiting(one, certs):
    held = []
    with inside(one.ns):
        for _ in range(100):
            held.append(socket.create_connection(("127.0.0.1", TLS), timeout=10))
    time.sleep(1.1)  # handshakes have a rate limit
    assert tcp(one, "GET", "/v1/version", certs, "reader")[0] == 200
    assert one.weir("show", "version").returncode == 0
    for s in held:
        s.close()


def test_events_over_tls(one, certs):
    with contextlib.closing(connect(one, certs, "reader")) as c:
        c.request("GET", "/v1/events?types=route")
        r = c.getresponse()
        ask(one.socket, "PUT", "/v1/routes", ROUTE)
        lines = [r.readline() for _ in range(5)]
        assert any(b'"prefix":"192.0.2.0/24"' in line for line in lines)
    ask(one.socket, "DELETE", "/v1/routes", {"prefix": "192.0.2.0/24"})


def test_tokens_and_certificates_change_at_run_time(one, certs):
    """A token that is taken away ends at once; a renewed certificate is served; other connections stay."""
    def serial():
        with contextlib.closing(connect(one, certs)) as c:
            return c.sock.getpeercert()["serialNumber"]
    before = serial()
    with contextlib.closing(connect(one)) as kept:
        one.apply(config(certs, server="renewed", tokens=("rw",)))
        assert serial() != before
        assert tcp(one, "GET", "/v1/version", certs, token=TOKENS["ro"])[0] == 401
        kept.request("GET", "/v1/version", headers={"Authorization": f"Bearer {TOKENS['rw']}"})
        assert kept.getresponse().status == 200
    one.apply(config(certs))
    assert serial() == before


def test_a_port_may_take_itself_away(one, certs):
    """The change comes through the very port that is gone afterwards."""
    for where in (None, certs):
        with contextlib.closing(connect(one, where)) as c, contextlib.suppress(http.client.HTTPException, ConnectionError, ssl.SSLError):
            c.request("PATCH", "/v1/config", b'{"api": null}', {"Authorization": f"Bearer {TOKENS['rw']}", "If-Match": "*"})
            r = c.getresponse()
            assert r.status == 200, r.read()
        for port in (TLS, PLAIN):
            with inside(one.ns), pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=5)
        one.apply(config(certs))
        assert tcp(one, "GET", "/v1/version", certs, "reader")[0] == 200


@pytest.mark.parametrize("more,part", [
    ("    - {address: 127.0.0.1, port: 9999, tls: {certificate: /nonexistent.pem, key: /nonexistent.key}}\n", "cannot be read"),
    ("    - {address: 127.0.0.1, port: 9999, tls: {certificate: CERTS/pipe, key: CERTS/server.key}}\n", "not a regular file"),
    ("    - {address: 127.0.0.1, port: 9999, tls: {certificate: CERTS, key: CERTS/server.key}}\n", "Is a directory"),
    ("    - {address: 127.0.0.1, port: 9999, tls: {certificate: CERTS/server.pem, key: CERTS/ca.key}}\n", "belongs to another certificate"),
    ("    - {address: 192.0.2.7, port: 9999, insecure: true}\n", "cannot listen on 192.0.2.7 port 9999"),
    ("    - {address: 0.0.0.0, port: 9999}\n", "there is no TLS"),
    ("    - {address: 127.0.0.1, port: 8080}\n", "is listened on already"),
    ("    - {address: 127.0.0.1, port: 9999, tls: {certificate: /a, key: /b, clients: []}}\n", "needs 'client-ca'"),
    ("  tokens: [{name: bad, hash: \"sha256:" + "g" * 64 + "\"}]\n", "64 hexadecimal digits"),
])
def test_a_configuration_that_cannot_work_changes_nothing(one, certs, more, part):
    bad = config(certs, more=more.replace("CERTS", certs), tokens=() if "tokens" in more else ("ro", "rw"))
    p = one.apply(bad.replace("10.0.2.1/24", "10.0.2.254/24"), check=False)
    assert p.returncode == 1 and part in p.stdout + p.stderr
    assert "10.0.2.254" not in ask(one.socket, "GET", "/v1/addresses").body
    assert tcp(one, "GET", "/v1/version", certs, "reader")[0] == 200


def test_a_token_from_the_command_line(one, certs):
    p = run(WEIR, "api", "token")
    token, stored = re.search(r"weir_[0-9a-f]{64}", p.stdout).group(0), re.search(r"sha256:[0-9a-f]{64}", p.stdout).group(0)
    assert stored == "sha256:" + hashlib.sha256(token.encode()).hexdigest()
    assert token not in run(WEIR, "api", "token").stdout


def test_users_of_the_socket_have_roles(module_lab, certs):
    """root may change; others are refused, or read where the configuration says so."""
    def as_nobody(lab, method, target):
        p = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "curl", "-s", "-o", "-", "-w", "\n%{http_code}",
                "--unix-socket", lab.socket, "-X", method, f"http://weir{target}", check=False)
        return p.returncode, p.stdout.rsplit("\n", 1)[-1]
    lab = two_hosts(module_lab, config=TWO + "api: {socket-others: read}\n")
    os.chmod(lab.dir, 0o755)
    assert as_nobody(lab, "GET", "/v1/version") == (0, "200")
    assert as_nobody(lab, "POST", "/v1/counters/clear") == (0, "403")
    lab.stop()
    lab.start(TWO)
    assert os.stat(lab.socket).st_mode & 0o777 == 0o660
    assert as_nobody(lab, "GET", "/v1/version")[0] == 7  # could not connect
