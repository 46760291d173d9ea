"""The files of the repository, and a C++ reader just good enough to find functions."""

import functools
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Made by programs: their size is not a matter of taste.
GENERATED = ("crds/", "docs/reference/", "charts/spillway/files/crds")
CODE = (".h", ".cc")


@functools.cache
def files():
    """Paths of all files that are, or would be, under version control, relative to the root."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, capture_output=True, text=True)
    if listed.returncode == 0:
        found = listed.stdout.split("\0")
    else:  # an unpacked archive
        found = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")]
        found = [path for path in found if not path.startswith((".git/", "build"))]
    return sorted({path for path in found if path and (ROOT / path).is_file() and not (ROOT / path).is_symlink()})


@functools.cache
def text(path):
    """The text of a file; empty for one that is not text."""
    content = (ROOT / path).read_bytes()
    return "" if b"\0" in content else content.decode(errors="replace")


def under(*folders, suffixes=CODE):
    return [path for path in files() if path.startswith(folders) and path.endswith(suffixes)]


def lines_matching(pattern, paths, comments=True):
    """["path:line: text"] of the lines in which the pattern is found; without `comments` not in what follows //."""
    found = []
    for path in paths:
        for number, line in enumerate(text(path).splitlines(), 1):
            if re.search(pattern, line if comments else re.sub(r"//.*", "", line)):
                found.append(f"{path}:{number}: {line.strip()}")
    return found


def includes(path):
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', text(path), re.MULTILINE)


def _without_comments_and_literals(code):
    """The same code with comments and literals blanked out, line by line as long as before."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'|^\s*#[^\n]*',
        re.DOTALL | re.MULTILINE,
    )
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), code)


_SCOPE = re.compile(r"(^|\W)(namespace|class|struct|union|enum|extern)\b[^()=]*(\([^()]*\)[^()=]*)?$")


def functions(path):
    """[(length in lines, line, first line of the signature)] of the functions of a C++ file.

    A brace opens a function when what stands before it, back to the last `;`, `{` or `}`, has a parameter list and is no
    namespace or type. Braces inside a function belong to it.
    """
    code = _without_comments_and_literals(text(path))
    found, inside, depth, head_start = [], None, 0, 0
    for position, character in enumerate(code):
        if character == "{":
            head = code[head_start:position]
            if inside is None and "(" in head and not _SCOPE.search(head.strip()):
                inside = (depth, head_start + len(head) - len(head.lstrip()))
            depth += 1
        elif character == "}":
            depth -= 1
            if inside is not None and inside[0] == depth:
                start = inside[1]
                first = code.count("\n", 0, start) + 1
                length = code.count("\n", start, position) + 1
                found.append((length, first, text(path).splitlines()[first - 1].strip()))
                inside = None
        if character in "{};" and inside is None:
            head_start = position + 1
    return found
