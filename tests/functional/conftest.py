# SPDX-License-Identifier: BSD-3-Clause
import os
import shutil

import pytest

from lab import Lab, run


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(*tools): commands or kernel features the test needs")


def missing(tool):
    if tool == "root":
        return os.geteuid() != 0
    return shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None


@pytest.fixture(autouse=True)
def _needs(request):
    for mark in request.node.iter_markers("needs"):
        for tool in mark.args:
            if missing(tool):
                pytest.skip(f"needs {tool}")


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, "report_" + outcome.get_result().when, outcome.get_result())


def finish(one, failed):
    """The end of a lab: every packet accounted for, clean shutdown; after a failure, what helps to see why."""
    try:
        if failed:
            for p in one.programs:
                print(f"--- {p.argv[0]} in {p.ns}:\n{p.text()[-3000:]}")
        one.end_programs()
        if one.daemon is not None and one.daemon.poll() is None:
            if failed:
                for what in ("interfaces", "drops", "neighbors", "routes", "stages"):
                    print(one.weir("show", what, check=False).stdout)
            else:
                one.settle()
            one.stop(expect=None if failed else 0)
        text = one.log_text() if os.path.exists(f"{one.dir}/weir.log") else ""
        if failed:
            print(text)
        else:
            assert "buffers are missing" not in text
    finally:
        one.close()


@pytest.fixture
def lab(request):
    """Lab factory: lab(hosts=(...), mtu=...). After the test: every packet accounted for, clean shutdown."""
    if missing("root"):
        pytest.skip("needs root for network namespaces")
    labs = []

    def make(**kw):
        labs.append(Lab(**kw))
        return labs[-1]

    yield make
    failed = getattr(request.node, "report_call", None) is not None and request.node.report_call.failed
    for one in labs:
        finish(one, failed)


@pytest.fixture(scope="module")
def module_lab(request):
    """The same for labs that all tests of a file share; each test starts with Lab.quiet()."""
    if missing("root"):
        pytest.skip("needs root for network namespaces")
    labs = []

    def make(**kw):
        labs.append(Lab(**kw))
        return labs[-1]

    yield make
    for one in labs:
        finish(one, request.session.testsfailed != 0)


@pytest.fixture
def router(shared):
    """For files with a fixture `shared`, one lab for all their tests: every test begins and ends with nothing on its way."""
    shared.quiet()
    yield shared
    shared.settle()
