"""The same job, done with other libraries: the list, every instance, parsed and in order.

    python peers.py NAME URL CONCURRENCY

prints the seconds it took, imports apart, how many instances answered, the concurrency, and the
seconds of CPU. For cpx_monitor a CONCURRENCY of 0 is its own choice.
"""

import asyncio
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address


def in_order(body):
    return sorted(json.loads(body), key=ip_address)


def parsed(body):
    said = json.loads(body)
    cpu, memory = int(said["cpu"].removesuffix("%")), int(said["memory"].removesuffix("%"))
    return said["service"], cpu, memory


def cpx_monitor(url, concurrency):
    import gevent

    from cpx_monitor.adapters.clock import SystemClock
    from cpx_monitor.adapters.cpx_api.fleet import CpxHttpFleet
    from cpx_monitor.adapters.cpx_api.polling.concurrency import AdaptiveLimit, FixedLimit
    from cpx_monitor.adapters.cpx_api.url import parse_url
    from cpx_monitor.adapters.transports.direct import DirectTransport

    limit = FixedLimit(concurrency) if concurrency else AdaptiveLimit(1000)
    fleet = CpxHttpFleet(
        parse_url(url),
        DirectTransport(url),
        SystemClock(gevent.sleep),
        limit,
        timeout_s=5,
        deadline_s=120,
        tell=lambda line: None,
    )
    yield
    yield len(fleet.snapshot().answered), limit.value


def bare_epoll(url, concurrency):
    """The floor: sockets and epoll, and not a look at what comes."""
    import select
    import socket

    host, _, prefix = url.removeprefix("http://").partition("/")
    name, _, port = host.rpartition(":")
    place = (name, int(port))
    yield
    with socket.create_connection(place) as listing:
        close = f"GET /{prefix}/servers HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        listing.sendall(close.encode())
        whole = b"".join(iter(lambda: listing.recv(1 << 20), b""))
    waiting = in_order(whole.partition(b"\r\n\r\n")[2])
    before, after = f"GET /{prefix}/".encode(), f" HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    poll, sockets, answers = select.epoll(), {}, []
    for _ in range(concurrency):
        sock = socket.create_connection(place)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[sock.fileno()] = sock
        poll.register(sock, select.EPOLLIN)
        sock.send(before + waiting.pop().encode() + after)
    left = len(waiting) + concurrency
    while left:
        for number, _ in poll.poll():
            sock = sockets[number]
            answers.append(sock.recv(65_536))
            left -= 1
            if waiting:
                sock.send(before + waiting.pop().encode() + after)
    yield len(answers), concurrency


def geventhttpclient(url, concurrency):
    import gevent.pool
    from geventhttpclient import HTTPClient

    client = HTTPClient.from_url(url, concurrency=concurrency, connection_timeout=5)
    _, slash, prefix = url.removeprefix("http://").partition("/")
    yield

    def fetched(path):
        return client.get(f"{slash}{prefix}/{path}").read()

    waiting = in_order(fetched("servers"))
    pool = gevent.pool.Pool(concurrency)
    answers = pool.map(lambda ip: parsed(fetched(ip)), waiting)
    yield len(answers), concurrency


def requests_threads(url, concurrency):
    import requests

    session = requests.Session()
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=concurrency))
    yield
    listed = in_order(session.get(f"{url}/servers", timeout=5).content)
    with ThreadPoolExecutor(concurrency) as pool:
        answers = list(
            pool.map(lambda ip: parsed(session.get(f"{url}/{ip}", timeout=5).content), listed)
        )
    yield len(answers), concurrency


def aiohttp_uvloop(url, concurrency):
    import aiohttp
    import uvloop

    async def collect():
        connector = aiohttp.TCPConnector(limit=concurrency)
        async with aiohttp.ClientSession(connector=connector) as session:
            async with session.get(f"{url}/servers") as response:
                waiting = iter(in_order(await response.read()))
            answers = []

            async def work():
                for ip in waiting:
                    async with session.get(f"{url}/{ip}") as response:
                        answers.append(parsed(await response.read()))

            await asyncio.gather(*(work() for _ in range(concurrency)))
            return len(answers)

    yield
    yield uvloop.run(collect()), concurrency


def pycurl_multi(url, concurrency):
    from io import BytesIO

    import pycurl

    yield
    body = BytesIO()
    single = pycurl.Curl()
    single.setopt(pycurl.URL, f"{url}/servers")
    single.setopt(pycurl.WRITEDATA, body)
    single.perform()
    waiting = in_order(body.getvalue())
    waiting.reverse()
    multi, answers, under_way = pycurl.CurlMulti(), [], 0
    multi.setopt(pycurl.M_MAXCONNECTS, concurrency)
    free = [pycurl.Curl() for _ in range(concurrency)]
    while waiting or under_way:
        while waiting and free:
            curl = free.pop()
            curl.body = BytesIO()
            curl.setopt(pycurl.URL, f"{url}/{waiting.pop()}")
            curl.setopt(pycurl.WRITEDATA, curl.body)
            multi.add_handle(curl)
            under_way += 1
        multi.perform()
        _, done, failed = multi.info_read()
        for curl in done:
            answers.append(parsed(curl.body.getvalue()))
        for curl in [*done, *(each[0] for each in failed)]:
            multi.remove_handle(curl)
            free.append(curl)
            under_way -= 1
        if not done:
            multi.select(0.1)
    yield len(answers), concurrency


def main():
    name, url, concurrency = sys.argv[1], sys.argv[2], int(sys.argv[3])
    steps = globals()[name](url, concurrency)
    next(steps)
    began_s, before = time.perf_counter(), os.times()
    answered, used = next(steps)
    took_s, after = time.perf_counter() - began_s, os.times()
    cpu_s = after.user + after.system - before.user - before.system
    print(f"{took_s:.6f} {answered} {used} {cpu_s:.6f}")


if __name__ == "__main__":
    main()
