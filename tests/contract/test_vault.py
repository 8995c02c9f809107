"""Snapshots as the pool and the command line rely on them: saved, found again, restored, in order."""

import os
import random
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.clock import ManualClock
from storage.object_directory import DirectoryStore
from storage.objects import ObjectStore, StoreUnavailable
from storage.sealing import PIECE_BYTES
from storage.snapshot_errors import NoSnapshot, StagedUnfit, StaleGeneration, WrongKey
from tests.fakes import vaults
from tests.fakes.memory_store import Call, MemoryStore, WatchedStore
from tests.fakes.vaults import SESSION_ID, about, contents_of, session, stage, vault

STORES: dict[str, Callable[[Path], ObjectStore]] = {
    "directory": DirectoryStore,
    "memory": lambda path: MemoryStore(),
}


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    return STORES[request.param](tmp_path / "store")


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    return stage(
        tmp_path / "profile",
        {"Default/Cookies": b"cookies" * 500, "Default/idb/000003.log": os.urandom(3 * PIECE_BYTES + 17)},
    )


# ---- round trips

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
SIZES = st.sampled_from([0, 1, 100, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES + 5])
FILES = st.dictionaries(
    st.tuples(NAMES, NAMES).map(lambda parts: "/".join(("d" + parts[0], "f" + parts[1]))),
    st.tuples(SIZES, st.integers(0, 3)),
    max_size=6,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=FILES, second=FILES)
def test_any_profile_comes_back_as_it_was(
    first: dict[str, tuple[int, int]],
    second: dict[str, tuple[int, int]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    root = tmp_path_factory.mktemp("round")
    store = MemoryStore()
    mine = session(store)
    saved = []
    for number, files in enumerate((first, second)):
        contents = {path: random.Random(seed).randbytes(size) for path, (size, seed) in files.items()}
        saved.append((mine.save(stage(root / f"in{number}", contents), about()), contents))
    for number, (snapshot, contents) in enumerate(saved):
        if snapshot is None:  # the same as before
            continue
        assert session(store).restore(snapshot.id, root / f"out{number}") == snapshot
        assert contents_of(root / f"out{number}") == contents
        assert snapshot.files == len(contents)
        assert snapshot.size_bytes == sum(map(len, contents.values()))


def test_modes_and_empty_directories_come_back(store: ObjectStore, tmp_path: Path) -> None:
    root = stage(tmp_path / "in", {"a/script": b"x", "a/secret": b"y", "a/empty": b""})
    (root / "a" / "script").chmod(0o4755)
    (root / "a" / "secret").chmod(0o400)
    (root / "none" / "below").mkdir(parents=True)
    (root / "a").chmod(0o500)
    snapshot = session(store).save(root, about())
    assert snapshot is not None
    out = tmp_path / "out"
    session(store).restore(snapshot.id, out)
    modes = {
        path.relative_to(out).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in sorted(out.rglob("*"))
    }
    assert modes["a/script"] == 0o755, "no snapshot brings a setuid bit"
    assert modes["a/secret"] == 0o400
    assert modes["a"] == 0o500
    assert {"a/empty", "none", "none/below"} <= modes.keys()
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    for made in (root / "a", out / "a"):
        made.chmod(0o700)  # so that it can be removed


def test_a_head_tells_what_was_saved(store: ObjectStore, profile: Path) -> None:
    known = about(generation=4, web_version=None, phone_number=None)
    saved = session(store).save(profile, known)
    assert saved is not None
    assert saved.about == known
    assert session(store).head() == saved
    assert session(store).history() == [saved]
    verified = session(store).verify(saved.id)
    assert verified.snapshot == saved
    assert (verified.pieces, verified.packs) == (5, 1)


def test_a_session_without_snapshots_has_none(store: ObjectStore) -> None:
    mine = session(store)
    assert mine.head() is None
    assert mine.history() == []
    assert list(vault(store).sessions()) == []
    for wrong in ("01JQZ3N8K2V5W7X9Y1B4C6D8EF", "../../keyring", ""):
        with pytest.raises(NoSnapshot):
            mine.verify(wrong)


def test_every_session_is_found_by_its_name(store: ObjectStore, profile: Path) -> None:
    ids = {f"01JQZ3N8K2V5W7X9Y1B4C6D8E{letter}" for letter in "ABC"}
    for session_id in ids:
        vault(store).session(session_id).save(profile, about(session_id=session_id))
    heads = [found.head() for found in vault(store).sessions()]
    assert {head.about.session_id for head in heads if head is not None} == ids


def test_a_restore_does_not_touch_what_is_there(store: ObjectStore, profile: Path, tmp_path: Path) -> None:
    snapshot = session(store).save(profile, about())
    assert snapshot is not None
    for there in (stage(tmp_path / "there", {"mine": b"1"}), tmp_path / "dangling"):
        if not there.exists():
            there.symlink_to(tmp_path / "nowhere")
        with pytest.raises(FileExistsError):
            session(store).restore(snapshot.id, there)
    assert contents_of(tmp_path / "there") == {"mine": b"1"}


def test_progress_adds_up_to_the_plain_size(store: ObjectStore, profile: Path, tmp_path: Path) -> None:
    snapshot = session(store).save(profile, about())
    assert snapshot is not None
    done: list[int] = []
    session(store).verify(snapshot.id, progress=done.append)
    session(store).restore(snapshot.id, tmp_path / "out", progress=done.append)
    assert sum(done) == 2 * snapshot.size_bytes


# ---- what it costs


def test_one_small_write_on_30_mb_costs_few_requests_and_bytes(tmp_path: Path) -> None:
    store = WatchedStore(MemoryStore())
    mine = session(store)
    big = {f"Default/idb/{number:06}.ldb": os.urandom(200_000) for number in range(150)}
    root = stage(tmp_path / "in", {**big, "Default/idb/000999.log": os.urandom(400_000)})
    assert mine.save(root, about()) is not None
    store.forget()
    with (root / "Default/idb/000999.log").open("ab") as log:
        log.write(os.urandom(2000))
    (root / "Default/idb/000000.ldb").rename(root / "Default/idb/001000.ldb")
    snapshot = mine.save(root, about())
    assert snapshot is not None
    assert [call.operation for call in store.calls] == ["put", "get", "put", "get", "put_if"]
    assert store.sent_bytes <= 150_000
    assert 0 < store.sent_bytes - snapshot.new_bytes < 2_000, "all but the head is told"


def test_nothing_is_asked_when_nothing_changed(profile: Path) -> None:
    store = WatchedStore(MemoryStore())
    mine = session(store)
    assert mine.save(profile, about()) is not None
    store.forget()
    assert mine.save(profile, about(web_version="2.3000.2")) is None
    assert store.calls == []
    assert session(store).save(profile, about()) is None, "another process finds the same"
    assert all(call.sent_bytes == 0 for call in store.calls)


def test_the_same_bytes_are_sent_once_in_a_session(store: ObjectStore, tmp_path: Path) -> None:
    data = os.urandom(2 * PIECE_BYTES)
    mine = session(store)
    first = mine.save(stage(tmp_path / "1", {"a": data}), about())
    again = mine.save(stage(tmp_path / "2", {"a": data, "b": data, "c": data[:PIECE_BYTES] * 4}), about())
    assert first is not None
    assert again is not None
    assert first.new_bytes > 2 * PIECE_BYTES
    assert again.new_bytes < 2_000


def test_many_small_saves_do_not_make_many_packs(tmp_path: Path) -> None:
    store = MemoryStore()
    mine = session(store)
    root = stage(tmp_path / "in", {"base": os.urandom(40 * PIECE_BYTES)})
    for number in range(60):
        (root / f"{number}").write_bytes(os.urandom(1000))
        snapshot = mine.save(root, about())
    assert snapshot is not None
    assert session(store).verify(snapshot.id).packs <= 49


def test_packs_that_are_mostly_waste_are_written_anew(tmp_path: Path) -> None:
    store = MemoryStore()
    mine = session(store)
    root = stage(tmp_path / "in", {"f": os.urandom(10 * PIECE_BYTES)})
    mine.save(root, about())
    (root / "f").write_bytes((root / "f").read_bytes()[: 4 * PIECE_BYTES])
    mine.save(root, about())  # sends nothing, and leaves 60 % of the pack unused
    (root / "g").write_bytes(b"small")
    snapshot = mine.save(root, about())
    assert snapshot is not None
    assert snapshot.new_bytes > 4 * PIECE_BYTES
    assert session(store).verify(snapshot.id).packs == 1


# ---- owners


def test_an_older_generation_is_refused_and_leaves_the_head(store: ObjectStore, profile: Path) -> None:
    newer = session(store).save(profile, about(generation=3))
    watched = WatchedStore(store)
    with pytest.raises(StaleGeneration):
        session(watched).save(profile, about(generation=2))
    assert session(store).head() == newer
    assert watched.sent_bytes == 0


def test_a_new_owner_takes_the_head_even_with_the_same_files(store: ObjectStore, profile: Path) -> None:
    before = session(store)
    before.save(profile, about(generation=1))
    taken = session(store).save(profile, about(generation=2))
    assert taken is not None
    assert taken.new_bytes < 2_000
    (profile / "late").write_bytes(b"of a node that was frozen")
    with pytest.raises(StaleGeneration):
        before.save(profile, about(generation=1))
    assert session(store).head() == taken


def test_a_fence_refuses_the_old_owner_before_the_new_one_has_saved(
    store: ObjectStore, profile: Path
) -> None:
    before = session(store)
    saved = before.save(profile, about(generation=1))
    session(store).fence(2)
    (profile / "late").write_bytes(b"of a node that was frozen")
    with pytest.raises(StaleGeneration):
        before.save(profile, about(generation=1))
    with pytest.raises(StaleGeneration):
        session(store).fence(1)
    assert session(store).history() == [saved]
    session(store).prune(keep=1)
    with pytest.raises(StaleGeneration):
        session(store).save(profile, about(generation=1))
    taken = session(store).save(profile, about(generation=2))
    assert session(store).history() == [taken, saved]


def test_a_fence_of_what_was_never_saved_leaves_nothing_behind(store: ObjectStore) -> None:
    session(store).fence(2)
    assert session(store).history() == []
    assert [listed.key for listed in store.list("") if "keyring" not in listed.key] == []


def test_a_fence_over_a_damaged_head_counts_and_mends_it(store: ObjectStore, profile: Path) -> None:
    saved = session(store).save(profile, about(generation=1))
    (head,) = [listed.key for listed in store.list("") if listed.key.endswith("/head")]
    store.put(head, b"damaged")
    session(store).fence(2)
    assert session(store).head() == saved
    with pytest.raises(StaleGeneration):
        session(store).save(profile, about(generation=1))


def test_a_fence_between_any_two_steps_of_a_save_stops_it_or_comes_after_it(tmp_path: Path) -> None:
    """What the new owner reads after its fence is what stays."""
    ours = stage(tmp_path / "ours", {"shared": b"s" * 100_000, "ours": os.urandom(1000)})
    base = MemoryStore()
    session(base).save(stage(tmp_path / "base", {"shared": b"s" * 100_000}), about())
    number = refused = 0
    while True:
        number += 1
        store = base.copy()
        read: list[str] = []

        def interfere(
            call: Call, store: MemoryStore = store, number: int = number, read: list[str] = read
        ) -> None:
            if call.number == number:
                taken = session(store)
                taken.fence(2)
                read.extend(line.id for line in taken.history())

        watched = WatchedStore(store, before=interfere)
        try:
            session(watched).save(ours, about(generation=1))
        except StaleGeneration:
            refused += 1
        if len(watched.calls) < number:
            break
        assert [line.id for line in session(store).history()] == read
    assert refused > 3


@pytest.mark.parametrize(("theirs", "refused"), [(1, False), (2, True)])
def test_two_owners_that_save_at_once_leave_a_head_that_restores(
    theirs: int, refused: bool, tmp_path: Path
) -> None:
    """The other one saves between any two requests of ours."""
    ours_files = {"shared": b"s" * 100_000, "ours": os.urandom(1000)}
    theirs_files = {"shared": b"s" * 100_000, "theirs": os.urandom(1000)}
    ours = stage(tmp_path / "ours", ours_files)
    other = stage(tmp_path / "theirs", theirs_files)
    base = MemoryStore()
    session(base).save(stage(tmp_path / "base", {"shared": b"s" * 100_000}), about())
    number = outcomes = 0
    while True:
        number += 1
        store = base.copy()

        def interfere(call: Call, store: MemoryStore = store, number: int = number) -> None:
            if call.number == number:
                assert session(store).save(other, about(generation=theirs)) is not None

        watched = WatchedStore(store, before=interfere)
        try:
            session(watched).save(ours, about(generation=1))
            expected = ours_files
        except StaleGeneration:
            outcomes += 1
            expected = theirs_files
        if len(watched.calls) < number:
            break
        head = session(store).head()
        assert head is not None
        session(store).restore(head.id, tmp_path / f"out{number}")
        assert contents_of(tmp_path / f"out{number}") == expected
        assert len(session(store).history()) == (2 if expected is theirs_files else 3)
    assert (outcomes > 0) is refused


def test_a_session_destroyed_while_it_is_saved_is_not_made_again(tmp_path: Path) -> None:
    base = MemoryStore()
    session(base).save(stage(tmp_path / "base", {"a": b"1"}), about())
    ours = stage(tmp_path / "ours", {"a": b"2"})
    number = refused = 0
    while True:
        number += 1
        store = base.copy()

        def interfere(call: Call, store: MemoryStore = store, number: int = number) -> None:
            if call.number == number:
                session(store).destroy()

        watched = WatchedStore(store, before=interfere)
        mine = vault(watched).session(SESSION_ID)
        try:
            mine.head()
            mine.save(ours, about())
        except NoSnapshot:
            refused += 1
            assert session(store).head() is None
            session(store).prune(keep=1)
            assert store.names() == ["v1/keyring"], "what can never be opened again is debris"
        head = session(store).head()
        assert head is None or session(store).verify(head.id).snapshot == head
        if len(watched.calls) < number:
            break
    assert refused > 4


# ---- what a copied bucket tells


def test_a_copied_bucket_without_the_key_tells_nothing(store: ObjectStore, tmp_path: Path) -> None:
    marker = b"plaintext-marker-of-a-message"
    root = stage(tmp_path / "in", {"Default/IndexedDB/web.whatsapp.com/000003.log": marker * 3000})
    session(store).save(root, about())
    words = [
        SESSION_ID,
        vaults.WORKSPACE_ID,
        vaults.PHONE,
        vaults.PHONE[1:],
        "node-under-test",
        "customer-reference",
        "whatsapp",
        "IndexedDB",
        "000003.log",
        marker.decode(),
        vaults.SECRET.hex(),
        "2.3000.1",
    ]
    listed = list(store.list(""))
    assert len(listed) == 5
    for one in listed:
        raw = store.get(one.key).data
        for word in words:
            assert word.encode() not in raw
            assert word.lower() not in one.key.lower()


def test_sessions_have_names_and_keys_of_their_own(store: ObjectStore, profile: Path) -> None:
    other_id = SESSION_ID[:-1] + "0"
    vault(store).session(other_id).save(profile, about(session_id=other_id))
    session(store).save(profile, about())
    mine, other = session(store).name, vault(store).session(other_id).name
    assert mine != other
    head = session(store).head()
    assert head is not None
    # what is another session's does not open here, though the store's key is the same
    taken = store.get(f"v1/{mine}/m/{head.id}").data
    store.put(f"v1/{other}/m/{head.id}", taken)
    with pytest.raises(Exception, match="damaged"):
        vault(store).session(other_id).verify(head.id)
    with pytest.raises(ValueError, match="not the snapshots of session"):
        session(store).save(profile, about(session_id=other_id))


def test_another_key_is_told_at_once(store: ObjectStore, profile: Path) -> None:
    session(store).save(profile, about())
    with pytest.raises(WrongKey, match="SNAPSHOT_KEY is key local:"):
        vault(store, secret=bytes(range(32)))


def test_two_that_open_an_empty_store_at_once_agree(profile: Path) -> None:
    """Between any two requests of the first, a second one makes the keyring."""
    for number in range(1, 5):
        store = MemoryStore()

        def interfere(call: Call, store: MemoryStore = store, number: int = number) -> None:
            if call.number == number:
                vault(store)

        watched = WatchedStore(store, before=interfere)
        vault(watched).session(SESSION_ID).save(profile, about())
        assert session(store).head() is not None


def test_an_error_of_the_store_is_never_an_absence(profile: Path) -> None:
    def down(call: Call) -> None:
        if call.key != "v1/keyring":
            raise StoreUnavailable(call.operation, call.key, "timed out", "try again")

    store = MemoryStore()
    vault(store)
    mine = session(WatchedStore(store, before=down))
    for ask in (
        mine.head,
        mine.history,
        lambda: mine.save(profile, about()),
        lambda: mine.prune(keep=1),
        lambda: mine.verify(SESSION_ID),
    ):
        with pytest.raises(StoreUnavailable):
            ask()


# ---- what cannot be saved


@pytest.mark.parametrize("kind", ["symlink", "fifo", "name", "missing"])
def test_what_is_no_plain_file_is_refused(kind: str, store: ObjectStore, tmp_path: Path) -> None:
    root = stage(tmp_path / "in", {"a": b"1"})
    match kind:
        case "symlink":
            (root / "link").symlink_to("/etc/passwd")
        case "fifo":
            os.mkfifo(root / "fifo")
        case "name":
            Path(os.fsdecode(os.fsencode(root) + b"/bad\xff")).write_bytes(b"")
        case "missing":
            root = tmp_path / "nowhere"
    with pytest.raises(StagedUnfit):
        session(store).save(root, about())
    assert session(store).head() is None


def test_a_directory_that_changes_under_our_hands_is_refused(tmp_path: Path) -> None:
    root = stage(tmp_path / "in", {"a": b"1"})

    def write(call: Call) -> None:
        if call.operation == "get" and call.key.endswith("/head"):  # between hashing and sealing
            (root / "a").write_bytes(b"2")

    store = MemoryStore()
    before = session(store).save(stage(tmp_path / "before", {"a": b"0"}), about())
    with pytest.raises(StagedUnfit, match="changed while it was read"):
        session(WatchedStore(store, before=write)).save(root, about())
    assert session(store).head() == before


def test_the_history_is_newest_first_and_bounded(tmp_path: Path) -> None:
    clock = ManualClock()
    store = MemoryStore()
    mine = session(store, clock)
    root = stage(tmp_path / "in", {"a": b""})
    ids = []
    for number in range(105):
        (root / "a").write_bytes(str(number).encode())
        snapshot = mine.save(root, about())
        assert snapshot is not None
        ids.append(snapshot.id)
    assert [line.id for line in session(store).history()] == ids[:4:-1]
    assert store.size(f"v1/{mine.name}/head") < 12_000
