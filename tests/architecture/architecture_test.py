"""What the shape of the code promises and no compiler checks. Needs nothing but Python."""

import re
import unittest

import sources
from sources import ROOT, includes, lines_matching, text, under

MAXIMUM_LINES = 600
# The one way to Asio for headers, and the files that may speak HTTP by Beast: it is dear to compile.
ASIO_HEADER = "include/spillway/async/asio.h"
ASIO_HEADERS = (ASIO_HEADER, "include/spillway/async/timers.h")
BEAST_FILES = (
    "agent/http_server.cc",
    "src/cloud/beast_connection.cc",
    "src/kube/byte_stream.cc",
    "src/kube/http_message.cc",
    "src/control/probe_server.cc",
    "tools/market-server/http_server.cc",
)
CLOCK_FILES = ("src/core/clock.cc", "src/core/log.cc", "src/async/")
OWN_CODE = ("include/", "src/", "operator/", "agent/", "tools/")
NOT_FOR_PLAN = ("boost/", "spdlog/", "spillway/async/", "spillway/core/log.h", "iostream", "fstream", "thread", "random")
HAND_WRITTEN = (".h", ".cc", ".py", ".cmake", ".sh", ".md", ".txt", ".yaml", ".tpl")
# A name in brackets is an owner.
UNOWNED = r"\b(" + "TO" + "DO|FIX" + r"ME)\b(?!\([\w-]+\))"
MACHINE_PATH = r"""(?<![\w.$}/-])/(work|root|home/\w+|Users/\w+)(?=[/\s"'`:),]|$)"""


class Architecture(unittest.TestCase):
    def assert_none(self, found, rule):
        self.assertFalse(found, rule + ":\n  " + "\n  ".join(found))

    def test_headers_reach_asio_through_one_header_and_never_beast(self):
        found = [
            f"{path}: {name}"
            for path in under("include/")
            if path not in ASIO_HEADERS
            for name in includes(path)
            if name.startswith(("boost/asio", "boost/beast"))
        ]
        self.assert_none(found, f"a public header includes Asio or Beast; include <spillway/async/asio.h> ({ASIO_HEADER})")

    def test_beast_stays_in_its_files(self):
        found = [
            f"{path}: {name}"
            for path in under(*OWN_CODE)
            if path not in BEAST_FILES
            for name in includes(path)
            if name.startswith("boost/beast")
        ]
        self.assert_none(found, f"Beast belongs into {', '.join(BEAST_FILES)} (tests/architecture names them)")

    def test_asio_comes_after_its_wrapper(self):
        # Boost 1.74's awaitable.hpp does not compile unless <utility> came first.
        found = []
        for path in under(*OWN_CODE, "tests/", "bench/"):
            direct = [name for name in includes(path) if name.startswith(("boost/asio", "boost/beast"))]
            if not direct or path in ASIO_HEADERS:
                continue
            before = includes(path)[: includes(path).index(direct[0])]
            if not any(name.startswith("spillway/") for name in before) and not re.search(r'^#include "', text(path), re.M):
                found.append(f"{path}: {direct[0]}")
        self.assert_none(found, "include <spillway/async/asio.h>, or a header that does, before Asio or Beast")

    def test_cpprestsdk_stays_in_cloud(self):
        found = [
            f"{path}: {name}"
            for path in under(*OWN_CODE)
            if not path.startswith("src/cloud/")
            for name in includes(path)
            if name.startswith(("cpprest/", "pplx/"))
        ]
        self.assert_none(found, "cpprestsdk is an implementation detail of src/cloud")

    def test_clocks_and_randomness_are_read_at_their_seams(self):
        paths = [path for path in under(*OWN_CODE) if not path.startswith(CLOCK_FILES)]
        pattern = r"(system|steady|high_resolution)_clock::now\s*\(|\brandom_device\b|\bgettimeofday\b|\b(std::)?time\(\s*(nullptr|NULL|0)"
        self.assert_none(lines_matching(pattern, paths, comments=False), "take a Clock or a Random (spillway/core/clock.h)")

    def test_the_plan_is_pure(self):
        found = [
            f"{path}: {name}"
            for path in under("include/spillway/plan/", "src/plan/")
            for name in includes(path)
            if name.startswith(NOT_FOR_PLAN)
        ]
        self.assert_none(found, "plan does no I/O, logging, waiting or drawing of lots")

    def test_headers_are_included_once(self):
        found = [path for path in under("include/", "src/") if path.endswith(".h") and "#pragma once" not in text(path)]
        self.assert_none(found, "a header begins with #pragma once")

    def test_files_stay_readable(self):
        found = [
            f"{path}: {len(text(path).splitlines())} lines"
            for path in sources.files()
            if path.endswith(HAND_WRITTEN)
            and not path.startswith(sources.GENERATED)
            and len(text(path).splitlines()) > MAXIMUM_LINES
        ]
        self.assert_none(found, f"split what is longer than {MAXIMUM_LINES} lines")

    def test_every_module_explains_itself(self):
        modules = [path.parent for path in sorted((ROOT / "src").glob("*/CMakeLists.txt"))]
        self.assertTrue(modules)
        found = [str(module.relative_to(ROOT)) for module in modules if not (module / "README.md").is_file()]
        self.assert_none(found, "a module has a README.md page")

    def test_nothing_is_left_for_nobody(self):
        self.assert_none(lines_matching(UNOWNED, sources.files()), "finish it, or name who will in brackets")

    def test_the_repository_knows_no_machine(self):
        self.assert_none(lines_matching(MACHINE_PATH, sources.files()), "a path of one machine; make it relative or a setting")

    def test_the_documented_layers_are_the_enforced_ones(self):
        self.assertEqual(documented_layers(), enforced_layers(), "docs/architecture.md and cmake/module.cmake differ")
        order = re.search(r"foreach\(module IN ITEMS ([a-z ]+)\)", text("CMakeLists.txt")).group(1).split()
        self.assertEqual(list(documented_layers()), order, "docs/architecture.md and CMakeLists.txt differ in the order")

    def test_links_between_documents_lead_somewhere(self):
        found = []
        for path in [path for path in sources.files() if path.endswith(".md")]:
            for target in re.findall(r"\]\(([^)\s]+)\)", text(path)):
                target = target.partition("#")[0]
                if target and "://" not in target and not ((ROOT / path).parent / target).exists():
                    found.append(f"{path}: {target}")
        self.assert_none(found, "links that lead nowhere")


def enforced_layers():
    """Module -> modules it may use, as CMake refuses anything else."""
    found = re.findall(r'^set\(SPILLWAY_ALLOWED_(\w+) ?"?([\w ]*)"?\)', text("cmake/module.cmake"), re.MULTILINE)
    return {name: set(allowed.split()) for name, allowed in found}


def documented_layers():
    """The same of the table in docs/architecture.md: | `module` | what it is | may use |."""
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|$", text("docs/architecture.md"), re.MULTILINE)
    return {name: set(re.findall(r"\w+", allowed)) for name, allowed in rows}


def report():
    """Figures to look at, not to pass or fail."""
    code = under("include/", "src/", "operator/", "tools/", "tests/", "bench/")
    length, path = max((len(text(path).splitlines()), path) for path in code)
    print(f"{len(code)} C++ files, {sum(len(text(path).splitlines()) for path in code)} lines")
    print(f"largest file: {path}, {length} lines")
    function, path = max((function, path) for path in code for function in sources.functions(path))
    print(f"longest function: {path}:{function[1]}, {function[0]} lines: {function[2]}", flush=True)


if __name__ == "__main__":
    report()
    unittest.main()
