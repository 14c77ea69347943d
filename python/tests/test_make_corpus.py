# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""scripts/make-corpus, on archives that the tests write themselves."""

import io
import re
import tarfile
import zipfile

import pytest
from conftest import ROOT, load_script

from pi_mlir.command_line import UserError
from pi_mlir.data.documents import find_documents

METADATA = "Metadata-Version: 2.1\nName: Some_Package\nVersion: 1.5\n"


@pytest.fixture(scope="module")
def make_corpus():
    return load_script("scripts/make-corpus")


@pytest.fixture
def corpus(make_corpus, tmp_path, monkeypatch):
    """Runs the program on given packages: `corpus(packages, *arguments)`."""

    def run(packages, *arguments):
        monkeypatch.setattr(make_corpus, "packages", lambda *_: iter(packages))
        out = tmp_path / "corpus"
        assert make_corpus.main(["--out", str(out), *arguments]) == 0
        rows = (out / "licences.tsv").read_text().splitlines()
        return out, [row.split("\t") for row in rows]

    return run


def write_wheel(path, files, metadata=METADATA):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("some_package-1.5.dist-info/METADATA", metadata)
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tar(path, files):
    with tarfile.open(path, "w:xz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content.encode()))


def package(make_corpus, name, files, licence="MIT"):
    files = [(path, content.encode()) for path, content in files.items()]
    return make_corpus.Package(name, "1", "PyPI", licence, files)


def test_a_folder_for_each_package(make_corpus, corpus):
    first = package(make_corpus, "first", {"a.py": "a", "deep/b.py": "bb"})
    second = package(make_corpus, "second", {"a.py": "a", "c.py": "ccc"}, "BSD")
    out, rows = corpus([first, None, second])
    assert rows[1:] == [
        ["first", "1", "PyPI", "MIT", "2", "3", "0"],
        ["second", "1", "PyPI", "BSD", "1", "3", "1"],
    ]
    documents, skipped = find_documents([out / "sources"])
    assert [(d.group, d.read()) for d in documents] == [
        ("first", "a"),
        ("first", "bb"),
        ("second", "ccc"),
    ]
    assert not skipped


def test_left_out(make_corpus, corpus, capsys):
    limit = make_corpus.MAXIMAL_FILE_BYTES
    sizes = {"empty.py": "", "full.py": "#" * limit, "large.py": "#" * (limit + 1)}
    packages = [
        package(make_corpus, "sizes", sizes),
        package(make_corpus, "sizes", {"again.py": "again"}),
        package(make_corpus, "closed", {"x.py": "x"}, "NVIDIA Proprietary Software"),
        package(make_corpus, "none", {}),
    ]
    out, rows = corpus(packages)
    assert [row[0] for row in rows[1:]] == ["sizes"]
    assert [path.name for path in out.rglob("*.py")] == ["full.py"]
    errors = capsys.readouterr().err
    assert "closed left out: its licence is NVIDIA" in errors
    assert "sizes of PyPI left out: it is there already" in errors


def test_megabytes(make_corpus, corpus):
    packages = [
        package(make_corpus, name, {"x.py": name * 600_000}) for name in ("a", "b", "c")
    ]
    _, rows = corpus(packages, "--megabytes=1")
    assert [row[0] for row in rows[1:]] == ["a", "b"]


def test_wheel(make_corpus, tmp_path):
    files = {
        "some/a.py": "a",
        "some/data.json": "{}",
        "../escape.py": "e",
        "some/../../escape.py": "e",
        "/absolute.py": "e",
    }
    metadata = METADATA + "License: BSD\n  3\tclause\n"
    wheel = make_corpus.read_wheel(write_wheel(tmp_path / "x.whl", files, metadata))
    assert wheel[:4] == ("some-package", "1.5", "PyPI", "not stated")
    assert wheel.files == [("some/a.py", b"a")]


@pytest.mark.parametrize(
    "fields, licence",
    [
        (
            "License-Expression: MIT OR Apache-2.0\nLicense: other\n",
            "MIT OR Apache-2.0",
        ),
        ("License: BSD\tnew\n", "BSD new"),
        (
            "Classifier: License :: OSI Approved :: MIT License\n"
            "Classifier: Topic :: Software\n",
            "MIT License",
        ),
        (f"License: {'long ' * 40}\n", "not stated"),
    ],
)
def test_licence_of_a_wheel(make_corpus, tmp_path, fields, licence):
    path = write_wheel(tmp_path / "x.whl", {}, METADATA + fields)
    assert make_corpus.read_wheel(path).licence == licence


def test_debian_source(make_corpus, tmp_path):
    (tmp_path / "p_2-1.dsc").write_text("Format: 3.0 (quilt)\nVersion: 2-1\n")
    files = {"p-2/a.py": "a", "p-2/lib/b.py": "b", "p-2/../../c.py": "c", "p-2/t": ""}
    write_tar(tmp_path / "p_2.orig.tar.xz", files)
    stated = "Files: *\nLicense: GPL-2+\n long\n\nFiles: x\nLicense: MIT\n"
    debian = {"debian/copyright": stated, "debian/tests/t.py": "t"}
    write_tar(tmp_path / "p_2-1.debian.tar.xz", debian)
    (tmp_path / "p_2.orig.tar.xz.asc").write_text("signature")
    source = make_corpus.read_debian_source("p", tmp_path)
    assert source[:4] == ("p", "2-1", "Debian", "GPL-2+; MIT")
    assert sorted(source.files) == [
        ("debian/tests/t.py", b"t"),
        ("p-2/a.py", b"a"),
        ("p-2/lib/b.py", b"b"),
    ]


def test_malformed_archives(make_corpus, tmp_path, capsys):
    wheel = tmp_path / "x.whl"
    write_wheel(wheel, {"a.py": "a" * 1000})
    for content in (b"", b"PK", wheel.read_bytes()[:-30], wheel.read_bytes()[50:]):
        wheel.write_bytes(content)
        assert make_corpus.read_or_warn("x", make_corpus.read_wheel, wheel) is None
    (tmp_path / "p.dsc").write_text("Version: 1\n")
    (tmp_path / "p.tar.xz").write_bytes(b"no archive")
    read = make_corpus.read_debian_source
    assert make_corpus.read_or_warn("p", read, "p", tmp_path) is None
    assert capsys.readouterr().err.count("left out: malformed package: ") == 5


def change_compression(path, method):
    """Writes another compression method into all headers of a zip file."""
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\1\2", 10), (b"PK\3\4", 8)):
        for match in re.finditer(mark, bytes(content)):
            start = match.start() + offset
            content[start : start + 2] = method.to_bytes(2, "little")
    path.write_bytes(content)


@pytest.mark.parametrize(
    "name, version, files, fault",
    [
        ("/tmp/escaped", "1", {"a.py": "a"}, "its name is '/tmp/escaped'"),
        ("../escaped", "1", {"a.py": "a"}, "its name is"),
        ("x\ty", "1", {"a.py": "a"}, "its name is"),
        (None, "1", {"a.py": "a"}, "its name is ''"),
        ("good", None, {"a.py": "a"}, "its version is None"),
        ("good", "1\x1b[2J", {"a.py": "a"}, "its version is '1"),
        ("good", "1", {"a.py": "a", "a.py/b.py": "b"}, "'a.py/b.py' below a file"),
        ("good", "1", {"a" * 253 + ".py": "a"}, "is too long"),
        ("good", "1", {"a/" * 500 + "b.py": "a"}, "is too long"),
    ],
)
def test_names_of_others(
    make_corpus, corpus, tmp_path, capsys, name, version, files, fault
):
    fields = {"Name": name, "Version": version}
    metadata = "".join(f"{k}: {v}\n" for k, v in fields.items() if v is not None)
    path = write_wheel(tmp_path / "x.whl", files, metadata + "\n")
    after = package(make_corpus, "after", {"b.py": "b"})
    out, rows = corpus([make_corpus.read_wheel(path), after])
    assert [row[0] for row in rows[1:]] == ["after"]
    error = capsys.readouterr().err
    assert "a package of PyPI left out: " in error and fault in error
    assert [path.name for path in (out / "sources").iterdir()] == ["after"]


def test_one_path_with_two_names(make_corpus, corpus):
    out, rows = corpus([package(make_corpus, "x", {"a.py": "1", "./a.py": "2"})])
    assert rows[1][4:] == ["1", "1", "0"]
    assert (out / "sources/x/a.py").read_text() == "2"


def test_unreadable_wheels(make_corpus, tmp_path, capsys, monkeypatch):
    def read(path):
        return make_corpus.read_or_warn("x", make_corpus.read_wheel, path)

    wheel = write_wheel(tmp_path / "x.whl", {"a.py": "a"})
    change_compression(wheel, 99)
    assert read(wheel) is None
    assert "NotImplementedError" in capsys.readouterr().err
    write_wheel(wheel, {}, METADATA + "x" * make_corpus.MAXIMAL_FILE_BYTES)
    assert read(wheel) is None
    assert "METADATA has 1048" in capsys.readouterr().err
    monkeypatch.setattr(make_corpus, "MAXIMAL_PACKAGE_BYTES", 5)
    assert read(write_wheel(wheel, {"a.py": "aaa", "b.py": "bbb"})) is None
    assert "more than 5 bytes of source" in capsys.readouterr().err


def test_installed_packages(make_corpus, tmp_path):
    info = tmp_path / "some_package-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA + "License-Expression: MIT\n")
    (info / "RECORD").write_text("some.py,,\n../bin/tool.py,,\nmissing.py,,\nx.so,,\n")
    (tmp_path / "some.py").write_text("some")
    broken = tmp_path / "broken.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Version: 1\n")
    none, found = make_corpus.installed_packages(tmp_path)
    assert make_corpus.find_fault(none) == "its name is ''"
    assert found == ("some-package", "1.5", "installed", "MIT", [("some.py", b"some")])


@pytest.mark.parametrize(
    "line",
    ["--index-url=x", "name", "https://x/y.whl", "name==1 --pre", "name @ x", "a==1;b"],
)
def test_lists_hold_names_only(make_corpus, tmp_path, line):
    path = tmp_path / "list.txt"
    path.write_text(f"# wheels\nfirst==1.0  # kept\n\n{line}\n")
    with pytest.raises(UserError, match=r"list.txt:4: '.*' has to be as"):
        make_corpus.read_names(path, make_corpus.PYPI_NAME, "django==6.1.3")
    path.write_text("# wheels\nfirst==1.0  # kept\n")
    assert make_corpus.read_names(path, make_corpus.PYPI_NAME, "x") == ["first==1.0"]


def test_the_lists_of_the_project(make_corpus):
    scripts = ROOT / "scripts"
    wheels = scripts / "corpus-packages.txt"
    assert len(make_corpus.read_names(wheels, make_corpus.PYPI_NAME, "")) >= 20
    sources = scripts / "corpus-debian-sources.txt"
    assert make_corpus.read_names(sources, make_corpus.DEBIAN_NAME, "")


def test_existing_directories_are_kept(make_corpus, tmp_path):
    (tmp_path / "notes.txt").write_text("keep me")
    with pytest.raises(UserError, match="is no corpus; --force leaves it"):
        make_corpus.main(["--out", str(tmp_path), "--force"])
    assert (tmp_path / "notes.txt").is_file()
