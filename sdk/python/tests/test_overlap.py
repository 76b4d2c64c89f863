"""Turns of different people at once: hundreds of interleavings, each person with tokens of their own, compared by value."""

import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from claviger_runner import Runner, Turn, sender
from fake_server import Asked, Say, serving
from worlds import bearer, runner

PEOPLE = [f"person-{number}" for number in range(8)]
TURNS = 240


def tokens_of(person: str, kind: str, generation: int = 0) -> str:
    return f"{kind}-of-{person}-{generation}"


class World:
    """Answers everybody with their own; a generation later with their next."""

    def __init__(self) -> None:
        self.generation = 0

    def __call__(self, asked: Asked) -> Say:
        person = asked.bearer.removeprefix("Bearer caller-of-")
        assert asked.user == person
        bodies: dict[str, Any] = {
            "github": {"token": tokens_of(person, "gh", self.generation), "userName": person, "email": f"{person}@x.org"},
            "gitlab": {"token": tokens_of(person, "gl", self.generation)},
            "jira": {"apiToken": tokens_of(person, "ji", self.generation), "url": "https://j.org", "email": f"{person}@x.org"},
            "kubeconfig": {"token": tokens_of(person, "ku", self.generation)},
        }
        # Person 3 has connected nothing: what they get is what somebody else leaked.
        return Say(200, bodies[asked.provider]) if asked.provider in bodies and person != "person-3" else Say(404)


def check(person: str, turn: Turn) -> None:
    environment = turn.environment()
    folder = Path(environment["PATH"].split(os.pathsep)[0]).parent
    seen = "\n".join(f"{name}={value}" for name, value in environment.items())
    seen += "\n".join(path.read_text() for path in sorted(folder.rglob("*")) if path.is_file())
    for other in PEOPLE:
        assert other == person or other not in seen, f"{other} in a turn of {person}"
    if person == "person-3":
        assert "GITHUB_TOKEN" not in environment and not (folder / "github.token").exists()
        return
    assert environment["GITHUB_TOKEN"].startswith(tokens_of(person, "gh")[:-1])
    assert (folder / "github.token").read_text().startswith(tokens_of(person, "gh")[:-1])
    assert environment["GIT_AUTHOR_NAME"] == person


def one_turn(made: Runner, person: str, choice: random.Random, meet: Callable[[], None]) -> None:
    with made.turn(person, person, bearer(person), keeps_fresh=choice.random() < 0.5) as turn:
        meet()
        for _ in range(choice.randint(1, 4)):
            check(person, turn)
            step = choice.random()
            if step < 0.3:
                turn._refresh_now()
            elif step < 0.5:
                turn.refresh()
            os.sched_yield()
        check(person, turn)


def test_hundreds_of_overlapping_turns_never_mix(tmp_path: Path) -> None:
    world = World()
    together = threading.Barrier(len(PEOPLE))
    with serving(world) as fake:
        made = runner(fake.url, tmp_path)
        seeds = random.Random(20)
        before = dict(os.environ)

        def meet() -> None:
            # The first turn of each begins only when all are inside theirs: they do overlap.
            if world.generation == 0:
                together.wait(timeout=60)
                world.generation = 1

        with ThreadPoolExecutor(len(PEOPLE)) as pool:
            first = [pool.submit(one_turn, made, person, random.Random(seeds.random()), meet) for person in PEOPLE]
            for future in first:
                future.result(timeout=120)
            people = [seeds.choice(PEOPLE) for _ in range(TURNS)]
            rest = [pool.submit(one_turn, made, person, random.Random(seeds.random()), lambda: None) for person in people]
            for future in rest:
                future.result(timeout=300)
        assert dict(os.environ) == before


def test_ending_one_turn_ends_no_other(tmp_path: Path) -> None:
    program = "import os; print(os.environ['GITHUB_TOKEN'], open(os.environ['KUBECONFIG']).read())"
    with serving(World()) as fake:
        made = runner(fake.url, tmp_path)
        with made.turn("person-1", caller_token=bearer("person-1")) as one:
            with made.turn("person-2", caller_token=bearer("person-2")) as two:
                assert two.environment()["GITHUB_TOKEN"] == "gh-of-person-2-0"
            with made.turn("person-1", caller_token=bearer("person-1")):
                pass
            done = one.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
            assert done.stdout.split() == ["gh-of-person-1-0", "ku-of-person-1-0"]


def test_a_turn_beside_the_process_wide_form_does_not_mix(tmp_path: Path) -> None:
    from claviger_runner import ProcessWide

    with serving(World()) as fake:
        made = runner(fake.url, tmp_path)
        process = ProcessWide(made.settings, made.fetch, root=tmp_path / "root")
        with process.turn(sender("person-1", caller_token=bearer("person-1"))):
            assert os.environ["GITHUB_TOKEN"] == "gh-of-person-1-0"
            for person in ("person-2", "person-3"):
                with made.turn(person, caller_token=bearer(person)) as turn:
                    check(person, turn)
            assert os.environ["GITHUB_TOKEN"] == "gh-of-person-1-0"
