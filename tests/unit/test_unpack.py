"""The unpacking takes one chart of plain files from a folder or an archive, and writes nothing outside its target."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import stat
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from canaryproof.errors import InfrastructureError, SubmissionError, UnsafeError
from canaryproof.submissions import chart_copy
from canaryproof.submissions.bundle import read_bundle
from canaryproof.submissions.chart_copy import clean_copy
from canaryproof.submissions.discovery import Submission
from canaryproof.submissions.unpack import main
from canaryproof.timeouts import TimeLimits
from tests.unit.packing import CHART, Files, chart, pack_tar, pack_zip, tar_entry, write

Pack = Callable[[Path, Files], Path]
KINDS: dict[str, Pack] = {
    "folder": lambda place, files: write(place / "folder", files),
    "zip": lambda place, files: pack_zip(place / "a.zip", files),
    "tar.gz": lambda place, files: pack_tar(place / "a.tar.gz", files),
    "tar": lambda place, files: pack_tar(place / "a.tar", files),
}


@pytest.fixture(params=sorted(KINDS))
def pack(request: pytest.FixtureRequest) -> Pack:
    """Return a function that packs files, in each supported format."""
    return KINDS[request.param]


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse in this process, because a process per archive takes a minute. test_quarantine.py covers the processes."""

    def run(command: Sequence[str], *, files: Sequence[int], **_: object) -> str:
        source, target = (os.fdopen(os.dup(each), "r+b" if each == files[1] else "rb") for each in files)
        with source, target:
            kind, name, chart_name = command[-5:-2]
            return main(kind, name, chart_name, source, target)

    monkeypatch.setattr(chart_copy, "run", run)


def unpack(source: Path, folder: Path, chart_name: str) -> Path:
    """Copy the chart of *source* to *folder*, and return the copy."""
    submission = Submission("alice", str(source), source)
    with clean_copy(submission, chart_name, TimeLimits(), lambda: None) as chart:
        return shutil.copytree(chart, folder / chart.name, copy_function=shutil.copy)


def out(tmp_path: Path, source: Path) -> dict[str, str]:
    """Unpack, and return the resulting files."""
    place = unpack(source, tmp_path / "out", "upcommerce")
    return {str(each.relative_to(place)): each.read_text() for each in place.rglob("*") if each.is_file()}


LAYOUTS = {
    "no folder": chart(""),
    "one folder": chart(),
    "repository": {"README.md": "", ".git/config": "", ".gitignore": "", **chart("week-4/deploy/upcommerce/")},
    "junk": {**chart(), "__MACOSX/upcommerce/._Chart.yaml": "", "upcommerce/._values.yaml": "", ".DS_Store": ""},
    "beside another chart": {**chart(), "other/Chart.yaml": "name: other\n"},
}


@pytest.mark.parametrize("files", LAYOUTS.values(), ids=LAYOUTS)
def test_a_chart_is_found_wherever_it_lies(tmp_path: Path, pack: Pack, files: Files) -> None:
    """The unpacking finds the chart at any depth, and takes only its files."""
    assert out(tmp_path, pack(tmp_path, files)) == CHART


def test_windows_packs_otherwise(tmp_path: Path) -> None:
    """The unpacking accepts archives of Windows with backslashes, folder entries, CRLF and byte order marks."""
    files = {f"mine\\{path}".replace("/", "\\"): f"\ufeff{text}".replace("\n", "\r\n") for path, text in CHART.items()}
    archive = pack_zip(tmp_path / "a.zip", {"mine\\": "", "mine\\templates\\": "", **files})

    assert out(tmp_path, archive).keys() == CHART.keys()


def test_a_packed_chart_is_a_chart(tmp_path: Path) -> None:
    """The unpacking accepts the output of ``helm package``, with packed subcharts."""
    inner = pack_tar(tmp_path / "canary-0.1.0.tgz", chart("canary/")).read_bytes()
    archive = pack_tar(tmp_path / "upcommerce-0.1.0.tgz", {**chart(), "upcommerce/charts/canary-0.1.0.tgz": inner})

    place = unpack(archive, tmp_path / "out", "upcommerce")

    assert place == tmp_path / "out" / "upcommerce"
    with tarfile.open(place / "charts" / "canary-0.1.0.tgz") as packed:
        files = {each.name: packed.extractfile(each) for each in packed}
        assert {name: file.read().decode() for name, file in files.items() if file} == {
            f"canary-0.1.0/{path}": text for path, text in CHART.items()
        }


def test_the_copy_has_a_plain_name(tmp_path: Path) -> None:
    """The copy's folder has the chart's own name if the original folder's name is unusual."""
    assert unpack(pack_zip(tmp_path / "-.zip", chart("-x /")), tmp_path / "out", "shop").name == "shop"
    assert unpack(pack_zip(tmp_path / "a.zip", chart("mine/")), tmp_path / "out", "shop").name == "mine"


def test_no_rights_are_taken_over(tmp_path: Path) -> None:
    """The copied files are readable and removable, and never executable."""
    archive = pack_zip(tmp_path / "a.zip", chart(), modes={"upcommerce/Chart.yaml": stat.S_IFREG | 0o4777})

    place = unpack(archive, tmp_path / "out", "upcommerce")

    assert not (place / "Chart.yaml").stat().st_mode & 0o7111


@pytest.mark.parametrize("name", ["../evil", "/evil", "C:\\evil", "upcommerce/../../evil", "..\\evil"])
@pytest.mark.parametrize("make", [pack_zip, pack_tar])
def test_nothing_is_written_outside(tmp_path: Path, make: Pack, name: str) -> None:
    """The unpacking refuses a whole archive if one entry leads out of it."""
    with pytest.raises(UnsafeError, match="an entry that leads out of it"):
        unpack(make(tmp_path / "a", {**chart(), name: "evil"}), tmp_path / "out", "upcommerce")

    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret", "templates/app.yaml"])
def test_a_chart_has_no_links(tmp_path: Path, target: str) -> None:
    """The unpacking refuses links in a chart, even internal ones, because Helm follows them."""
    link = "upcommerce/templates/link.yaml"
    tarred = pack_tar(tmp_path / "a.tgz", chart(), tar_entry(link, tarfile.SYMTYPE, target))
    hard = pack_tar(tmp_path / "b.tgz", chart(), tar_entry(link, tarfile.LNKTYPE, target))
    zipped = pack_zip(tmp_path / "c.zip", {**chart(), link: target}, modes={link: stat.S_IFLNK | 0o777})
    folder = write(tmp_path / "d", chart())
    (folder / link).symlink_to(target)

    for source in (tarred, hard, zipped, folder):
        with pytest.raises(UnsafeError, match="is a link"):
            unpack(source, tmp_path / "out", "upcommerce")


def test_links_beside_the_chart_are_not_followed(tmp_path: Path) -> None:
    """The unpacking does not follow links beside the chart."""
    folder = write(tmp_path / "folder", {**chart(), "docs/a.md": ""})
    (folder / "latest").symlink_to("docs")
    (folder / "chart").symlink_to("upcommerce")

    assert out(tmp_path, folder) == CHART


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_special_files_are_refused(tmp_path: Path, kind: bytes) -> None:
    """The unpacking refuses pipes and devices."""
    with pytest.raises(UnsafeError, match="a device or a pipe"):
        unpack(pack_tar(tmp_path / "a.tgz", chart(), tar_entry("a", kind)), tmp_path / "out", "upcommerce")


@pytest.mark.timeout(10)
def test_a_pipe_in_a_folder_keeps_nobody_waiting(tmp_path: Path) -> None:
    """The unpacking does not open a pipe in a folder, even one called ``Chart.yaml``."""
    folder = write(tmp_path / "folder", chart())
    (folder / "upcommerce" / "Chart.yaml").unlink()
    os.mkfifo(folder / "upcommerce" / "Chart.yaml")

    with pytest.raises(UnsafeError, match=r"Chart\.yaml is neither a file nor a folder"):
        unpack(folder, tmp_path / "out", "upcommerce")


ZEROS = b"\0" * (64 * 2**20)


@pytest.mark.parametrize("make", [pack_zip, pack_tar])
def test_an_archive_that_unpacks_without_end_is_refused(tmp_path: Path, make: Pack) -> None:
    """The unpacking refuses an archive that expands too much, before it extracts it."""
    with pytest.raises(UnsafeError, match="more than 200 times its size"):
        unpack(make(tmp_path / "a", {"zeros": ZEROS, **chart()}), tmp_path / "out", "upcommerce")


def test_an_archive_that_lies_about_sizes_gets_no_further(tmp_path: Path) -> None:
    """The unpacking treats an archive as damaged if a file exceeds its stated size. It reads no more than the limit."""
    archive = pack_zip(tmp_path / "a.zip", {**chart(), "upcommerce/zeros": b"\0" * 2**20})
    lying = archive.read_bytes().replace((2**20).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    archive.write_bytes(lying)

    with pytest.raises(SubmissionError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "out", "upcommerce")


def test_large_files_are_refused(tmp_path: Path, pack: Pack) -> None:
    """The unpacking refuses files that are too large for Helm."""
    files = {**chart(), "upcommerce/noise": os.urandom(6 * 2**20)}

    with pytest.raises(UnsafeError, match="noise has more than 5 MiB"):
        unpack(pack(tmp_path, files), tmp_path / "out", "upcommerce")


def damaged(tmp_path: Path) -> dict[str, Path]:
    """Return damaged archives by the expected message."""
    whole = pack_tar(tmp_path / "whole.tgz", {**chart(), "upcommerce/noise": os.urandom(100_000)}).read_bytes()
    zipped = bytearray(pack_zip(tmp_path / "whole.zip", chart()).read_bytes())
    zipped[60:80] = bytes(20)
    contents = {
        "cannot be unpacked: ": whole[: len(whole) // 2],
        "cannot be unpacked:": bytes(zipped),
        "the archive is empty": b"",
        "the archive is a RAR archive": b"Rar!\x1a\x07\x01\x00",
        "the archive is a web page": b"\n<!DOCTYPE html>",
        "neither a zip nor a tar file": b"kind: Deployment\n",
    }
    return {
        says: write(tmp_path, {f"{number}": text}) / f"{number}" for number, (says, text) in enumerate(contents.items())
    }


def test_what_is_damaged_is_said_to_be(tmp_path: Path) -> None:
    """The unpacking reports every kind of damage with a remedy, and raises no other exception."""
    for says, archive in damaged(tmp_path).items():
        with pytest.raises(SubmissionError, match=f"{says}.*pack"):
            unpack(archive, tmp_path / "out", "upcommerce")


def test_an_encrypted_archive_is_said_to_be(tmp_path: Path) -> None:
    """The unpacking refuses an encrypted archive without asking for a password."""
    archive = pack_zip(tmp_path / "a.zip", chart())
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)

    with pytest.raises(SubmissionError, match="the archive is encrypted"):
        unpack(archive, tmp_path / "out", "upcommerce")


def test_the_work_of_several_people_is_no_submission(tmp_path: Path) -> None:
    """The unpacking refuses an archive with several charts, and the error lists them with the remedy."""
    files = {**chart("alice/upcommerce/"), **chart("bob/src/upcommerce/")}

    with pytest.raises(SubmissionError, match=r"saw 2: alice/upcommerce, bob/src/upcommerce; .*give the folder"):
        unpack(pack_zip(tmp_path / "class.zip", files), tmp_path / "out", "upcommerce")


def test_an_archive_without_a_chart_says_what_it_has(tmp_path: Path) -> None:
    """The error about an archive without a chart names its content, such as a nested archive."""
    with pytest.raises(SubmissionError, match=r"saw no Chart\.yaml in the archive; pack the folder"):
        unpack(pack_zip(tmp_path / "a.zip", {"README.md": ""}), tmp_path / "out", "upcommerce")
    with pytest.raises(SubmissionError, match=r"another archive in it, mine/b\.tgz; .*hand in the inner one"):
        unpack(pack_zip(tmp_path / "b.zip", {"mine/b.tgz": ""}), tmp_path / "out", "upcommerce")


def test_a_name_cannot_be_a_file_and_a_folder(tmp_path: Path) -> None:
    """The unpacking refuses an archive in which a name is both a file and a folder, and advises to pack it again."""
    files = {**chart(), "upcommerce/templates/app.yaml/x": "a"}

    with pytest.raises(SubmissionError, match="as a file and as a folder"):
        unpack(pack_zip(tmp_path / "a.zip", files), tmp_path / "out", "upcommerce")


def test_schemas_of_packed_sub_charts_are_read_too(tmp_path: Path, pack: Pack) -> None:
    """The unpacking checks the schemas of packed subcharts, as deep as Helm reads them."""
    schema = json.dumps({"$ref": "file:///etc/passwd"})
    packed = pack_tar(tmp_path / "inner.tgz", {**chart("inner/"), "inner/values.schema.json": schema}).read_bytes()
    middle = pack_tar(tmp_path / "middle.tgz", {**chart("m/"), "m/charts/inner.tgz": packed}).read_bytes()

    with pytest.raises(UnsafeError, match=r"inner/values\.schema\.json refers to file:///etc/passwd"):
        unpack(pack(tmp_path, {**chart(), "upcommerce/charts/middle.tgz": middle}), tmp_path / "out", "upcommerce")

    for number in range(3):
        files = {**chart("m/"), "m/charts/more.tgz": middle}
        middle = pack_tar(tmp_path / f"{number}.tgz", files).read_bytes()
    with pytest.raises(UnsafeError, match="lies in more than 3 archives"):
        unpack(pack(tmp_path, {**chart(), "upcommerce/charts/m.tgz": middle}), tmp_path / "out", "upcommerce")


def test_a_full_disk_is_nobodys_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is a fault of the machine, not of the submission."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    archive = pack_zip(tmp_path / "a.zip", chart())
    monkeypatch.setattr(os, "fchmod", full)

    with pytest.raises(InfrastructureError, match="No space left"):
        unpack(archive, tmp_path / "out", "upcommerce")


def test_the_program_says_what_came_of_it(tmp_path: Path) -> None:
    """The program prints one line of JSON, and writes the files to a separate stream."""
    said = []
    for archive in (
        pack_zip(tmp_path / "a.zip", chart()),
        pack_zip(tmp_path / "b.zip", {}),
        pack_zip(tmp_path / "c.zip", {"../a": ""}),
    ):
        with archive.open("rb") as source, (tmp_path / "out").open("w+b") as target:
            said.append(json.loads(main("archive", archive.name, "upcommerce", source, target)))
            assert "chart" not in said[-1] or len(dict(read_bundle(target))) == len(CHART)

    assert [list(each) for each in said] == [["chart"], ["broken", "hint"], ["unsafe", "hint"]]


def packed_chart(*entries: bytes | tuple[str, str | bytes], end: bytes = bytes(1024)) -> bytes:
    """Return a packed subchart of files and raw blocks in this order."""
    return gzip.compress(b"".join(each if isinstance(each, bytes) else blocks(*each) for each in entries) + end)


def blocks(name: str, content: str | bytes, *, kind: bytes = tarfile.REGTYPE, mode: str = "ustar") -> bytes:
    """Return the blocks of one tar entry. *mode* is ``ustar``, or ``v7`` for an entry without a magic number."""
    content = content.encode() if isinstance(content, str) else content
    info = tarfile.TarInfo(name)
    info.size, info.type = len(content), kind
    header = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    if mode == "v7":
        header[257:] = bytes(255)
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + content + bytes(-len(content) % 512)


def damaged_header(mode: str, offset: int, content: bytes) -> bytes:
    """Return the blocks of an empty entry with some bytes of its header overwritten."""
    header = bytearray(blocks("sub/a", "", mode=mode))
    header[offset : offset + len(content)] = content
    return bytes(header)


SUB = [(f"sub/{path}", text) for path, text in CHART.items()]
HIDDEN = ("sub/values.schema.json", json.dumps({"$ref": "http://127.0.0.1:9/"}))
SPARSE = tarfile.TarInfo("sub/sparse")
SPARSE.type = tarfile.GNUTYPE_SPARSE
AMBIGUOUS = {
    "a damaged checksum, V7": packed_chart(*SUB, damaged_header("v7", 148, b"000001\0 "), HIDDEN),
    "a damaged checksum, ustar": packed_chart(*SUB, damaged_header("ustar", 148, b"000001\0 "), HIDDEN),
    "a size that is no number": packed_chart(*SUB, damaged_header("ustar", 124, b"zzzzzzzzzzz\0"), HIDDEN),
    "a mode that is no number": packed_chart(*SUB, damaged_header("v7", 100, b"\xff\xfe\xfd"), HIDDEN),
    "one block of zeros": packed_chart(*SUB, bytes(512), HIDDEN),
    "two blocks of zeros": packed_chart(*SUB, bytes(1024), HIDDEN),
    "another gzip member": packed_chart(*SUB) + packed_chart(HIDDEN),
    "another gzip member at once": packed_chart(*SUB, end=b"") + packed_chart(damaged_header("v7", 0, b"b"), HIDDEN),
    "the same file twice": packed_chart(*SUB, ("sub/values.schema.json", "{}"), HIDDEN),
    "the same file twice in other words": packed_chart(*SUB, ("sub/./values.yaml", ""), ("other/values.yaml", "")),
    "a symbolic link": packed_chart(*SUB, blocks("sub/templates/a.yaml", "", kind=tarfile.SYMTYPE)),
    "a hard link": packed_chart(*SUB, blocks("sub/templates/a.yaml", "", kind=tarfile.LNKTYPE)),
    "a device": packed_chart(*SUB, blocks("sub/templates/a.yaml", "", kind=tarfile.CHRTYPE)),
    "a sparse file": packed_chart(*SUB, SPARSE.tobuf(tarfile.GNU_FORMAT), HIDDEN),
    "an absolute name": packed_chart(*SUB, ("sub//etc/passwd", "")),
    "a name that leads out": packed_chart(*SUB, ("sub/../../a", "")),
    "a name that leads out to the left": packed_chart(*SUB, ("sub\\..\\..\\a", "")),
    "a drive": packed_chart(*SUB, ("sub/C:/a", "")),
}
"""Packed subcharts that programs read differently. Most hide a schema from Python."""


@pytest.mark.parametrize("packed", AMBIGUOUS.values(), ids=AMBIGUOUS)
@pytest.mark.parametrize("folder", ["charts", "charts/middle/charts"])
def test_a_packed_sub_chart_that_can_be_read_in_several_ways_is_refused(
    tmp_path: Path, packed: bytes, folder: str
) -> None:
    """The unpacking refuses an ambiguous subchart, because Helm might read a schema that the check has missed."""
    archive = pack_zip(tmp_path / "a.zip", {**chart(), f"upcommerce/{folder}/sub-0.1.0.tgz": packed})

    with pytest.raises(UnsafeError):
        unpack(archive, tmp_path / "out", "upcommerce")


HONEST = {
    "helm package": packed_chart(*SUB),
    "no end": packed_chart(*SUB, end=b""),
    "zeros to a full record": packed_chart(*SUB, end=bytes(10240)),
    "two gzip members": gzip.compress(b"".join(blocks(*each) for each in SUB[:1])) + packed_chart(*SUB[1:]),
    "V7": packed_chart(*(blocks(*each, mode="v7") for each in SUB)),
    "entries of folders": packed_chart(blocks("sub/", "", kind=tarfile.DIRTYPE), *SUB),
    "packed in the folder itself": packed_chart(*((f"./{path}", text) for path, text in CHART.items())),
    "packed on Windows": packed_chart(*(("sub\\" + path.replace("/", "\\"), text) for path, text in CHART.items())),
    "a schema of its own": packed_chart(*SUB, ("sub/values.schema.json", '{"$ref": "#/a"}')),
}


@pytest.mark.parametrize("packed", HONEST.values(), ids=HONEST)
def test_an_honest_packed_sub_chart_is_packed_anew(tmp_path: Path, packed: bytes, pack: Pack) -> None:
    """The unpacking packs a valid subchart again, with the same files at the same paths."""
    place = unpack(
        pack(tmp_path, {**chart(), "upcommerce/charts/sub-0.1.0.tgz": packed}), tmp_path / "out", "upcommerce"
    )

    with tarfile.open(place / "charts" / "sub-0.1.0.tgz") as archive:
        names = archive.getnames()
    assert {f"sub-0.1.0/{path}" for path in CHART} <= set(names)
    assert (place / "charts" / "sub-0.1.0.tgz").read_bytes() != packed


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"ustar"])
def test_a_packed_sub_chart_that_helm_does_not_take_is_broken(tmp_path: Path, content: bytes) -> None:
    """The unpacking refuses a subchart in another format than tar with gzip, as Helm does."""
    archive = pack_zip(tmp_path / "a.zip", {**chart(), "upcommerce/charts/sub.tgz": content})

    with pytest.raises(SubmissionError, match=r"charts/sub\.tgz is not compressed by gzip") as caught:
        unpack(archive, tmp_path / "out", "upcommerce")
    assert type(caught.value) is SubmissionError


def test_a_submission_with_a_damaged_header_is_damaged(tmp_path: Path) -> None:
    """The unpacking refuses an archive with a damaged header, which Python takes for its end."""
    archive = tmp_path / "a.tar"
    files = [blocks(f"upcommerce/{path}", text) for path, text in CHART.items()]
    archive.write_bytes(b"".join([*files[:2], damaged_header("ustar", 148, b"000001\0 "), *files[2:]]))

    with pytest.raises(SubmissionError, match="cannot be unpacked: a header is damaged"):
        unpack(archive, tmp_path / "out", "upcommerce")
